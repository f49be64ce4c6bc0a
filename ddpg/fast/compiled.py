"""`torch.compile` of an agent's update: forward, stop, backward and optimizer in one graph."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import FunctionType
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from torch import Tensor

from ddpg.errors import CompileError, ConfigError
from ddpg.fast.graph_cache import cache_folder, discard_damaged

FIRST_TORCH = "2.13"
"""Oldest PyTorch on which compiled updates are tested."""

_Layout = tuple[torch.Size, tuple[int, ...]]
"""Shape and strides of one column of a batch."""


class Columns(Protocol):
    """Type of a batch: a named tuple of tensors (`ddpg.replay.Batch`)."""

    @property
    def reward(self) -> Tensor: ...

    @property
    def terminated(self) -> Tensor: ...

    def _replace(self, **columns: Tensor) -> Self: ...

    def __iter__(self) -> Iterator[Tensor]: ...


class Surroundings(Protocol):
    """Type of a stop (`ddpg.stops.Stop`): the two acts that stay outside of a graph."""

    def clear_gradients(self) -> None: ...

    def around_graph(self) -> AbstractContextManager[None]: ...


_Batch = TypeVar("_Batch", bound=Columns)
_AnyBatch = TypeVar("_AnyBatch", contravariant=True)


class Updates(Protocol[_AnyBatch]):
    """Type of an agent (`ddpg.agent.DDPG`): the updates to compile, and their stops."""

    @property
    def critic_stop(self) -> Surroundings: ...

    @property
    def actor_stop(self) -> Surroundings: ...

    def update_critic(self, batch: _AnyBatch, /) -> tuple[Tensor, Tensor]: ...

    def update_actor(self, batch: _AnyBatch, /) -> Tensor: ...

    def update_targets(self) -> None: ...


class CompiledUpdate(Generic[_Batch]):
    """An agent's update as two compiled graphs: the critic's, and the actor's with the targets.

    It computes what the eager update computes, up to rounding.

    Args:
        agent: the agent whose weights the graphs update.

    Raises:
        ConfigError: there is no C++ compiler, or PyTorch is too old.
        CompileError: the folder of compiled graphs cannot be created.
    """

    def __init__(self, agent: Updates[_Batch]):
        def update_actor_and_targets(batch: _Batch) -> tuple[Tensor]:
            policy_q = agent.update_actor(batch)
            agent.update_targets()
            return (policy_q,)

        _require_new_torch()
        discard_damaged(cache_folder())
        _require_compiler()
        self._critic = CompiledFunction(agent.update_critic, agent.critic_stop)
        self._actor = CompiledFunction(update_actor_and_targets, agent.actor_stop)

    @property
    def is_compiled(self) -> bool:
        """True after the first update, which compiles."""
        return self._actor.is_compiled

    def __call__(self, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Update on `batch`; return Q(s, a), y and Q(s, μ(s)), detached.

        Raises:
            CompileError: see `CompiledFunction`.
        """
        batch = _contiguous(batch)
        q, target = self._critic(batch)
        (policy_q,) = self._actor(batch)
        return q, target, policy_q

    def update_critic(self, batch: _Batch) -> tuple[Tensor, Tensor]:
        """Update the critic alone; return Q(s, a) and y, detached.

        Raises:
            CompileError: see `CompiledFunction`.
        """
        q, target = self._critic(_contiguous(batch))
        return q, target


class CompiledFunction(Generic[_Batch]):
    """One function of a batch as one compiled graph, with its stop inside.

    A graph can neither clear gradients nor change `requires_grad`, so both are done around it.
    Afterwards `.grad` is what the eager function leaves, up to rounding.

    The first call compiles. That takes about ten seconds, or a few if `cache_folder` has the graph.

    Args:
        function: an update that returns detached tensors.
        stop: the stop of the update.
    """

    def __init__(self, function: Callable[[_Batch], tuple[Tensor, ...]], stop: Surroundings):
        self.stop = stop
        self._traced = _with_unshared_code(function)
        self._graph: Callable[[_Batch], tuple[Tensor, ...]] | None = None
        self._layout: list[_Layout] = []

    @property
    def is_compiled(self) -> bool:
        """True after the first call, which compiles."""
        return self._graph is not None

    def __call__(self, batch: _Batch) -> tuple[Tensor, ...]:
        """Return what `function` returns.

        Raises:
            CompileError: the compiler failed or was stopped, or the shapes or strides differ from
                those of the first batch.
        """
        layout = [(column.shape, column.stride()) for column in batch]
        self.stop.clear_gradients()
        with self.stop.around_graph():
            if self._graph is None:
                outputs = self._compile_and_run(batch)
                self._graph, self._layout = _undispatched_graph(self._traced), layout
                return outputs
            if layout != self._layout:
                raise CompileError(
                    f"batch: {_layout_text(layout)} is not allowed; allowed: the layout of the "
                    f"first batch of this compiled update, {_layout_text(self._layout)}"
                )
            return self._graph(batch)

    def _compile_and_run(self, batch: _Batch) -> tuple[Tensor, ...]:
        from torch._dynamo import config
        from torch._dynamo.exc import BackendCompilerFailed

        options: dict[str, Any] = {
            "cpp_wrapper": True,
            "deterministic": True,
            # An unrolled sum is fused with its reader, which differs between stops, and so would
            # the order of summation.
            "unroll_reductions_threshold": 1,
            # Checks cost a third of a small update. Only the layout of a batch could change, and
            # `__call__` checks it.
            "size_asserts": False,
            "alignment_asserts": False,
            "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
        }
        compiled = torch.compile(self._traced, fullgraph=True, dynamic=False, options=options)
        try:
            # A graph with a backward pass needs this.
            with config.patch(trace_autograd_ops=True):
                return compiled(batch)
        except BackendCompilerFailed as error:
            reason = " ".join(str(error).partition("Set TORCHDYNAMO_VERBOSE")[0].split())
            raise CompileError(f"cannot compile the update: {reason}") from error


def _contiguous(batch: _Batch) -> _Batch:
    """Return `batch` with contiguous columns.

    The order in which a graph sums over the batch depends on strides. So it is the same for every
    stop.
    """
    return batch._replace(
        reward=batch.reward.contiguous(), terminated=batch.terminated.contiguous()
    )


def _with_unshared_code(function: Callable[..., Any]) -> FunctionType:
    """Wrap `function` in a new code object, since PyTorch stores graphs with the code."""

    def update(batch: Any) -> Any:
        return function(batch)

    return FunctionType(update.__code__.replace(), globals(), closure=update.__closure__)


def _undispatched_graph(traced: FunctionType) -> Callable[..., tuple[Tensor, ...]]:
    """Return the function that PyTorch runs in place of `traced`.

    A function of `torch.compile` first chooses among its graphs, which takes 15 microseconds.
    Here there is one. It lives as long as `traced`.
    """
    from torch._dynamo.eval_frame import _debug_get_cache_entry_list

    (entry,) = _debug_get_cache_entry_list(traced.__code__)
    return FunctionType(entry.code, traced.__globals__, closure=traced.__closure__)


def _layout_text(layout: list[_Layout]) -> str:
    return ", ".join(f"{list(shape)} with strides {list(strides)}" for shape, strides in layout)


def _require_new_torch() -> None:
    from torch._dynamo import config

    needed = {
        "torch.compiler.skip_all_guards_unsafe": hasattr(torch.compiler, "skip_all_guards_unsafe"),
        "torch._dynamo.config.trace_autograd_ops": hasattr(config, "trace_autograd_ops"),
    }
    missing = [name for name, exists in needed.items() if not exists]
    if missing:
        raise ConfigError(
            f"compile: True is not allowed, since PyTorch {torch.__version__} has no "
            f"{' and no '.join(missing)}; allowed: false, or true with PyTorch {FIRST_TORCH} or "
            "newer"
        )


def _require_compiler() -> None:
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise ConfigError(
            "compile: True is not allowed, since PyTorch finds no C++ compiler; allowed: false, or "
            "true with g++ or clang++ on the PATH, or named by the environment variable CXX"
        ) from error
