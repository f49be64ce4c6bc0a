"""Snapshot of an object and everything that it leads to: compare it, and restore it."""

import zlib
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MutableMapping
from types import CellType, FunctionType
from typing import Any

from torch import Tensor, nn

from .object_tree import (
    MODULE_PARTS,
    Content,
    GeneratorState,
    attributes_of,
    changed_place,
    content_of,
    global_values,
    is_function,
    set_random_state,
    walk_objects,
)

_MAX_COPIED_BYTES = 64 * 2**20
"""Larger arrays and tensors, as those of replay buffers, are compared and not copied."""
_MAX_COMPARED = 200_000
_MAX_COMPARED_OF_UPDATE = 20_000
_SAMPLE = 2**20


class ObjectSnapshot:
    """Contents of all values of an object's tree at one moment.

    Args:
        root: the object, or the function of an update.
        where: expression for it.
        remember: gets the tensors that a restore needs; None: the snapshot is only compared, and
            the tree continues into the closures of functions.
        others: snapshots of which this one leaves out the values.
    """

    def __init__(
        self,
        root: object,
        where: str,
        remember: Callable[[list[Tensor]], None] | None = None,
        others: Iterable["ObjectSnapshot"] = (),
    ) -> None:
        self.limit = _MAX_COMPARED if remember else _MAX_COMPARED_OF_UPDATE
        self.where = where
        known = {identity for each in others for identity in each._known()}
        self._functions = remember is None
        self._values = list(walk_objects(root, where, self.limit, self._functions, known))
        self._content_of = content_of if remember else _content_or_globals
        self._contents = [self._content_of(value) for _, value in self._values]
        self._marks = [_mark(value) for _, value in self._values]
        self._copies: dict[int, Any] = {}
        if remember is not None:
            remember([each for _, each in self._values if _is_copied_tensor(each)])
            for index, (_, value) in enumerate(self._values):
                if type(value).__name__ == "ndarray" and value.nbytes <= _MAX_COPIED_BYTES:
                    self._copies[index] = value.copy()

    @property
    def is_partial(self) -> bool:
        """True if the object has more values than are compared."""
        return len(self._values) >= self.limit

    def _known(self) -> Iterator[int]:
        """Yield the identities of the values that are compared with all that they lead to."""
        for _, value in self._values:
            if self._functions or not is_function(value):
                yield id(value)

    def restore(self) -> None:
        """Write every changed content back in place. Tensors are left to `remember`."""
        for index, ((_, value), content) in enumerate(
            zip(self._values, self._contents, strict=True)
        ):
            if index in self._copies and value.flags.writeable:
                value[...] = self._copies[index]
            elif content is not None:
                now = content_of(value)
                if now is None or changed_place("", content, now):
                    _write(value, content)

    def differences(self, restored: Container[int] = ()) -> Iterator[tuple[str, object]]:
        """Yield (expression, present value) of the values that differ from the snapshot.

        Args:
            restored: identities of tensors that are restored elsewhere.
        """
        for (where, value), content, mark in zip(
            self._values, self._contents, self._marks, strict=True
        ):
            if content is not None:
                now = self._content_of(value)
                place = (where, None) if now is None else changed_place(where, content, now)
                if place is not None:
                    yield place
            elif id(value) not in restored and mark != _mark(value):
                yield where, value


def _content_or_globals(value: object) -> Content | None:
    """Return the content of a value; of a function, the global variables that it names."""
    if isinstance(value, FunctionType):
        return Content(list(global_values(value).items()))
    return content_of(value)


def _is_copied_tensor(value: object) -> bool:
    return isinstance(value, Tensor) and not value.is_meta and value.nbytes <= _MAX_COPIED_BYTES


def _mark(value: Any) -> object:
    """Return what differs after a tensor or an array of numbers was written."""
    if isinstance(value, Tensor):
        version = None if value.is_inference() else value._version
        return (version, value.shape, value.requires_grad)
    if type(value).__name__ != "ndarray" or value.dtype.kind == "O":
        return None
    if value.nbytes > _MAX_COPIED_BYTES:
        value = value.flat[:: value.size // _SAMPLE + 1]
    return zlib.crc32(value.tobytes())


def _write(value: Any, content: Content) -> None:
    """Write a content back. Iterators and generators cannot be written."""
    state = content.items[0][1] if content.items else None
    if isinstance(state, GeneratorState):
        set_random_state(value, state)
    elif isinstance(value, nn.Module):
        for part in MODULE_PARTS:
            vars(value)[part].clear()
        for key, each in content.items:
            part, _, name = key.partition(".")
            vars(value)[part][name] = each
    elif isinstance(value, CellType) and content.items:
        value.cell_contents = content.items[0][1]
    elif isinstance(value, MutableMapping):
        value.clear()
        value.update(content.items)
    elif isinstance(value, list | deque):
        value.clear()
        value.extend(each for _, each in content.items)
    elif isinstance(value, set):
        value.clear()
        value.update(content.items[0][1])
    _write_attributes(value, content.attributes)


def _write_attributes(value: Any, attributes: Mapping[str, Any]) -> None:
    for name in attributes_of(value).keys() - attributes.keys():
        object.__delattr__(value, name)
    present = attributes_of(value)
    own = getattr(value, "__dict__", {})
    for name, each in attributes.items():
        if name in own or name not in present:
            own[name] = each
        elif present[name] is not each:
            object.__setattr__(value, name, each)
