"""`torch.compile` of an update: forward, stop, backward and optimizer in one graph."""

from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor

from ddpg.errors import CompileError, ConfigError
from ddpg.replay import Batch
from ddpg.stops import Stop

Part = Callable[[Batch], tuple[Tensor, ...]]
_Layout = tuple[torch.Size, tuple[int, ...]]
"""Shape and strides of one column of a batch."""


def in_one_order(batch: Batch) -> Batch:
    """`batch` with reward and `terminated` in memory of their own, not columns of replay's rows.

    What a compiled update sums over the batch it sums in the order in which it reads these, and
    that has to be the same beside every stop.
    """
    return batch._replace(
        reward=batch.reward.contiguous(), terminated=batch.terminated.contiguous()
    )


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
        self._traced = _with_code_of_its_own(part)
        self._graph: Part | None = None
        self._layout: list[_Layout] = []

    @property
    def is_compiled(self) -> bool:
        """Whether the first call is over."""
        return self._graph is not None

    def __call__(self, batch: Batch) -> tuple[Tensor, ...]:
        """What `part` returns.

        Raises:
            CompileError: the compiler failed or was stopped, or the batch has other shapes or
                strides than the first one had.
        """
        layout = [(column.shape, column.stride()) for column in batch]
        self.stop.clear_gradients()
        with self.stop.around():
            if self._graph is None:
                outputs = self._compile_and_run(batch)
                self._graph, self._layout = _bare_graph(self._traced), layout
                return outputs
            if layout != self._layout:
                raise CompileError(
                    f"a batch has the shapes {_told(layout)}; allowed: those of the first batch "
                    f"that the compiled update took, {_told(self._layout)}"
                )
            return self._graph(batch)

    def _compile_and_run(self, batch: Batch) -> tuple[Tensor, ...]:
        from torch._dynamo import config
        from torch._dynamo.exc import BackendCompilerFailed

        # What guards and assertions look at never changes between updates, apart from the layout
        # of a batch, and looking takes as long as a third of a small update.
        options: dict[str, Any] = {
            "cpp_wrapper": True,
            "deterministic": True,
            # A sum that is spelled out is done with what reads it, which is not the same, nor
            # done in the same order, beside every stop.
            "unroll_reductions_threshold": 1,
            "size_asserts": False,
            "alignment_asserts": False,
            "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
        }
        compiled = torch.compile(self._traced, fullgraph=True, dynamic=False, options=options)
        try:
            # Without it, a graph cannot hold a backward pass.
            with config.patch(trace_autograd_ops=True):
                return compiled(batch)
        except BackendCompilerFailed as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].split())
            raise CompileError(f"the update could not be compiled: {reason}") from error


def _with_code_of_its_own(part: Part) -> FunctionType:
    """`part` as a function whose code no other one shares: PyTorch keeps graphs with the code."""

    def update(batch: Batch) -> tuple[Tensor, ...]:
        return part(batch)

    return FunctionType(update.__code__.replace(), globals(), closure=update.__closure__)


def _bare_graph(traced: FunctionType) -> Part:
    """What PyTorch runs in place of `traced`, as long as that lives.

    `torch.compile` gives a function that first finds out which graph to run, and whether to compile
    another, for some 15 microseconds; here there is one.
    """
    from torch._dynamo.eval_frame import _debug_get_cache_entry_list

    (entry,) = _debug_get_cache_entry_list(traced.__code__)
    return FunctionType(entry.code, traced.__globals__, closure=traced.__closure__)


def _told(layout: list[_Layout]) -> str:
    return ", ".join(f"{list(shape)} with strides {list(strides)}" for shape, strides in layout)


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
