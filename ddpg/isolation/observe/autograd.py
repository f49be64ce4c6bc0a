"""The autograd graph and engine, with the private names of torch that the audit needs."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node, get_gradient_edge
from torch.overrides import TorchFunctionMode

IN_PLACE = "modified by an inplace operation"
"""Words of PyTorch's error for a saved tensor that was changed in place."""
FREED = "have already been freed"
"""Words of PyTorch's error for a saved tensor that an earlier backward pass freed."""
LEAF = "torch::autograd::AccumulateGrad"
_c: Any = torch._C
_autograd: Any = torch.autograd
_overrides: Any = torch.overrides
Engine = Callable[..., Any]


def root_of(output: Tensor | GradientEdge) -> Node | None:
    """Return the node that a backward pass starts from; None if the output has no graph."""
    if isinstance(output, GradientEdge):
        return output.node
    if output.grad_fn is None and not output.requires_grad:
        return None
    return get_gradient_edge(output).node


def walk(roots: Iterable[Node]) -> dict[Node, Node | None]:
    """Return every node that the roots lead to, breadth first → the node above it.

    The node above a root is None.
    """
    met: dict[Node, Node | None] = dict.fromkeys(roots)
    queue = list(met)
    for node in queue:
        for following, _ in node.next_functions:
            if following is not None and following not in met:
                met[following] = node
                queue.append(following)
    return met


def leaf_of(node: Node) -> Tensor | None:
    """Return the tensor whose `.grad` the node accumulates; None for an operation."""
    return getattr(node, "variable", None) if node.name() == LEAF else None


def recorded_at(node: Node) -> int:
    """Return the autograd sequence number of the operation; -1 for a leaf."""
    return -1 if node.name() == LEAF else node._sequence_nr()  # pyright: ignore[reportAttributeAccessIssue]


def saved_tensors(node: Node) -> Iterator[Tensor]:
    """Yield the tensors that the operation saved for its backward pass.

    Raises:
        RuntimeError: a tensor was changed in place since, or was freed.
    """
    for name in _read_names(node):
        value = getattr(node, name)
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, Tensor):
                yield each


def has_packed_tensors(node: Node) -> bool:
    """Return True if hooks packed the saved tensors.

    A checkpoint's hooks compute the tensors again, and only once. PyTorch shows them from 2.8 on.
    """
    for name in _saved_names(type(node)):
        raw = getattr(node, f"_raw{name}" if name.startswith("_") else f"_raw_{name}", ())
        for each in raw if isinstance(raw, tuple | list) else (raw,):
            if getattr(each, "unpack_hook", None) is not None:
                return True
    return False


def _read_names(node: Node) -> Iterator[str]:
    """Yield the names of the saved values that the backward pass of the operation reads."""
    for name in _saved_names(type(node)):
        # Batch normalisation in train mode saves, and does not read, its statistics.
        if not (name.startswith("_saved_running_") and getattr(node, "_saved_training", False)):
            yield name


@cache
def _saved_names(kind: type[Any]) -> tuple[str, ...]:
    saved = [name for name in dir(kind) if name.startswith("_saved_") and "_sym_" not in name]
    return (*saved, "saved_tensors") if hasattr(kind, "saved_tensors") else tuple(saved)


def saved_before_changes(node: Node) -> list[Tensor]:
    """Return the saved tensors of an operation that were changed in place since."""
    changed: list[Tensor] = []
    for name in _read_names(node):
        try:
            getattr(node, name)
        except RuntimeError:
            raw = getattr(node, name.replace("_saved_", "_raw_saved_"), None)
            data = getattr(raw, "data", None)  # newer than torch 2.4
            if isinstance(data, Tensor):
                changed.append(data)
    return changed


def has_changed_tensors(node: Node) -> bool:
    """Return True if a tensor that the operation saved was changed in place since."""
    if has_packed_tensors(node):
        return False
    try:
        any(True for _ in saved_tensors(node))
    except RuntimeError as error:
        return IN_PLACE in str(error)
    return False


def users_of(leaves: set[Node], nodes: Mapping[Node, object]) -> list[Node]:
    """Return the operations that use one of these leaves, directly or transposed."""
    users: list[Node] = []
    wanted = set(leaves)
    for node in reversed(list(nodes)):
        if any(following in wanted for following, _ in node.next_functions):
            if len(node.next_functions) == 1:
                wanted.add(node)
            users.append(node)
    return users


def reachable_around(barred: set[Node], nodes: Mapping[Node, Node | None]) -> set[Node]:
    """Return the nodes that the roots lead to by paths with none of the barred nodes."""
    queue = [node for node, above in nodes.items() if above is None and node not in barred]
    reached = set(queue)
    for node in queue:
        for following, _ in node.next_functions:
            if following is not None and following not in reached and following not in barred:
                reached.add(following)
                queue.append(following)
    return reached


def path_to_root(node: Node, nodes: Mapping[Node, Node | None]) -> list[Node]:
    """Return the path by which `walk` met the node, from the node to a root."""
    path = [node]
    while (above := nodes[path[-1]]) is not None:
        path.append(above)
    return path


def sequence_number() -> int:
    """Return the number that autograd gives to the next operation of this thread."""
    return _c._autograd._get_sequence_nr()


def version_kept(tensor: Tensor) -> AbstractContextManager[object]:
    """Context manager that sets the version counter of a tensor back at its end.

    A graph that saved the tensor before the block is then valid again.
    """
    return _autograd._unsafe_preserve_version_counter(tensor)


def unwrapped(tensor: Tensor) -> Tensor:
    """Return the plain tensor in a wrapper of `torch.func`."""
    while _c._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = _c._functorch.get_unwrapped(tensor)
    return tensor


def norms(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the L2 norm of each tensor, in one call."""
    return list(torch._foreach_norm(list(tensors)))  # pyright: ignore[reportPrivateImportUsage]


@contextmanager
def engine_replaced(make: Callable[[Engine], Engine]) -> Iterator[None]:
    """Context manager that runs backward passes through `make(engine)`.

    `backward` and `autograd.grad` read the engine from `torch.autograd` at each call, so callers
    that imported either function by name are included.
    """
    engine = _autograd._engine_run_backward
    _autograd._engine_run_backward = make(engine)
    try:
        yield
    finally:
        _autograd._engine_run_backward = engine


def leave_mode(mode: TorchFunctionMode) -> None:
    """Leave a mode that was entered in another function.

    The mode stays, without a record to write to, if the user has entered another one since.
    """
    if _overrides._get_current_function_mode() is mode:
        mode.__exit__(None, None, None)
