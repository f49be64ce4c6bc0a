"""`torch.compile` of an update: forward, stop, backward and optimizer in one graph."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ddpg.config import ConfigError
from ddpg.replay import Batch
from ddpg.stops import Stop

Part = Callable[[Batch], tuple[Tensor, ...]]


class CompileError(RuntimeError):
    """The compiler failed, or was stopped; the message says how."""


class CompiledPart:
    """One update as one compiled graph, with its stop in it.

    A graph can neither clear gradients nor change what requires grad, so that is done around it.
    Afterwards `.grad` is what the uncompiled update leaves, up to rounding.

    The first call compiles, for some ten seconds, or a few with what the folder `cache_folder`
    holds.

    Args:
        stop: the stop of the update.
        part: the update; a function of a batch that returns detached tensors.

    Raises:
        ConfigError: there is no C++ compiler.
    """

    def __init__(self, stop: Stop, part: Part):
        _require_compiler()
        self.stop = stop
        self._shapes: list[torch.Size] = []
        settings: dict[str, Any] = {
            "fullgraph": True,
            "dynamic": False,
            # Several agents of one process are no changes of one.
            "isolate_recompiles": True,
            # What guards look at never changes between updates, apart from the shapes below, and
            # looking takes as long as a third of a small update.
            "options": {
                "cpp_wrapper": True,
                "deterministic": True,
                "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
            },
        }
        self._graph = torch.compile(part, **settings)

    @property
    def is_compiled(self) -> bool:
        """Whether the first call is over."""
        return bool(self._shapes)

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """What `part` returns.

        Raises:
            CompileError: the compiler failed or was stopped, or the batch has other shapes than the
                first one had.
        """
        shapes = [column.shape for column in batch]
        self.stop.clear_gradients()
        with self.stop.around():
            if not self.is_compiled:
                outputs = self._compile_and_run(batch)
                self._shapes = shapes
                return outputs
            if shapes != self._shapes:
                raise CompileError(
                    f"a batch has the shapes {_sizes(shapes)}; allowed: those of the first batch "
                    f"that the compiled update took, {_sizes(self._shapes)}"
                )
            return self._graph(batch)

    def _compile_and_run(self, batch: Batch) -> tuple[Tensor, ...]:
        from torch._dynamo import config
        from torch._dynamo.exc import BackendCompilerFailed

        try:
            # Without it, a graph cannot hold a backward pass.
            with config.patch(trace_autograd_ops=True):
                return self._graph(batch)
        except BackendCompilerFailed as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].split())
            raise CompileError(f"the update could not be compiled: {reason}") from error


def _sizes(shapes: list[torch.Size]) -> str:
    return ", ".join(str(list(shape)) for shape in shapes)


def cache_folder() -> str:
    """Where compiled graphs are kept from run to run: TORCHINDUCTOR_CACHE_DIR, or its default."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return cache_dir()


def _require_compiler() -> None:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ConfigError(
            "compile is True, and PyTorch finds no C++ compiler here; allowed: false, or true with "
            "g++ or clang++ on the path, or named by the variable CXX"
        ) from error
