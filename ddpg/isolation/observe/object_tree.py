"""Trees of objects: the values that an object leads to, their contents, and how to restore them."""

import functools
import gc
import operator
import random
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import (
    BuiltinFunctionType,
    CellType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple, TypeGuard

import torch
from torch import Tensor, nn

PLAIN = (int, float, complex, str, bytes, type(None), range, slice, torch.dtype, torch.device)
"""Types without content of their own; values of these types are compared by value."""
_WITHOUT_CONTENT = (Tensor, type, ModuleType)
_CONTAINERS = {dict, list, tuple, set, frozenset, deque}  # without attributes
MODULE_PARTS = ("_parameters", "_buffers", "_modules")
_FUNCTIONS = (FunctionType, MethodType, BuiltinFunctionType, functools.partial)
_OPAQUE_MODULES = {
    "_io", "_thread", "asyncio", "concurrent", "io", "logging", "multiprocessing", "queue",
    "socket", "ssl", "subprocess", "tempfile", "threading", "weakref",
}  # fmt: skip
"""Modules whose objects belong to the operating system or to other threads."""

_NOT_USERS = ("torch._dynamo", "torch._functorch", "torch._inductor", __name__.rpartition(".")[0])


def is_function(value: object) -> TypeGuard[Callable[..., Any]]:
    """Return True for functions, methods and partials; False for other callable objects."""
    return isinstance(value, _FUNCTIONS)


def walk_objects(
    root: object,
    where: str,
    limit: int,
    functions: bool = False,
    known: Container[int] = frozenset(),
) -> Iterator[tuple[str, Any]]:
    """Yield the first `limit` values that `root` leads to, breadth first, with their expressions.

    Of a longer list it yields the beginning and the end, where an update appends.

    Args:
        functions: continue into the closures of functions, too.
        known: identities of values to leave out, with everything that they lead to.
    """
    queue, met = deque([(where, root)]), dict[int, object]()
    while queue and len(met) < limit:
        where, value = queue.popleft()
        if isinstance(value, PLAIN) or id(value) in met or id(value) in known:
            continue
        met[id(value)] = value  # kept alive, since another object could get its identity
        yield where, value
        room = limit - len(met)
        if isinstance(value, list | deque) and len(value) > room:
            ends = (
                enumerate(islice(value, room // 2)),
                enumerate(islice(reversed(value), room // 2)),
            )
            queue.extend((f"{where}[{index}]", each) for index, each in ends[0])
            queue.extend((f"{where}[{-1 - index}]", each) for index, each in ends[1])
        else:
            queue.extend(islice(children(value, where, functions), room))


def children(value: Any, where: str, functions: bool = False) -> Iterable[tuple[str, Any]]:
    """Return the items or attributes of a value, with the expression for each."""
    if isinstance(value, _WITHOUT_CONTENT):
        return ()
    if is_function(value):
        return _bound_values(value, where) if functions else ()
    if isinstance(value, Mapping):
        items = ((f"{where}[{_key(key)}]", each) for key, each in list(value.items()))
        return chain(items, _attributes(value, where))
    if isinstance(value, list | tuple | set | frozenset | deque):
        items = ((f"{where}[{index}]", each) for index, each in enumerate(list(value)))
        return chain(items, _attributes(value, where))
    if type(value).__name__ == "ndarray":
        if value.dtype.kind != "O":
            return ()
        return ((f"{where}.flat[{index}]", each) for index, each in enumerate(value.flat))
    if isinstance(value, CellType):
        return [(where, each) for each in _cell(value)]
    if isinstance(value, GeneratorType):
        return ()
    if _is_builtin_iterator(value):
        return [(where, each) for each in gc.get_referents(value)]  # of `zip`, `map`, ...
    return () if _is_opaque(value) else _attributes(value, where)


def _is_builtin_iterator(value: object) -> bool:
    return isinstance(value, Iterator) and type(value).__module__ in ("builtins", "itertools")


def _is_opaque(value: object) -> bool:
    module = type(value).__module__
    return module.partition(".")[0] in _OPAQUE_MODULES or module.startswith(_NOT_USERS)


def attributes_of(value: Any) -> dict[str, Any]:
    """Return the attributes of an object: those in its `__dict__` and in its slots."""
    named = {n: getattr(value, n) for n in _slots_of(type(value)) if hasattr(value, n)}
    return {**named, **getattr(value, "__dict__", {})}


@functools.lru_cache(maxsize=1024)
def _slots_of(kind: type) -> tuple[str, ...]:
    return tuple(name for each in kind.__mro__ for name in getattr(each, "__slots__", ()))


def _attributes(value: Any, where: str) -> list[tuple[str, Any]]:
    if isinstance(value, nn.Module):
        return _module_attributes(value, where)
    return [(f"{where}.{name}", each) for name, each in attributes_of(value).items()]


def _module_attributes(module: nn.Module, where: str) -> list[tuple[str, Any]]:
    """Return parameters, buffers and submodules by their names, then all other attributes."""
    inner = {name: each for part in MODULE_PARTS for name, each in vars(module)[part].items()}
    attributes = {n: v for n, v in vars(module).items() if n not in MODULE_PARTS}
    return [(f"{where}.{name}", each) for name, each in {**inner, **attributes}.items()]


def _key(key: object) -> str:
    return repr(key) if isinstance(key, PLAIN) else f"<{type(key).__name__}>"


def _bound_values(function: Any, where: str) -> list[tuple[str, Any]]:
    """Return the values that a function carries along, with their names in its source."""
    if isinstance(function, functools.partial):
        inner = {"": function.func, **dict(enumerate(function.args)), **function.keywords}
        return [(str(name) or where, each) for name, each in inner.items()]
    if isinstance(function, MethodType):
        return [(type(function.__self__).__name__, function.__self__), (where, function.__func__)]
    if isinstance(function, BuiltinFunctionType):
        owner = function.__self__
        return [] if owner is None else [(type(owner).__name__, owner)]
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    named = global_values(function)
    defaults = {**(function.__kwdefaults__ or {}), **dict(enumerate(function.__defaults__ or ()))}
    wrapped = vars(function).get("__wrapped__")
    return [
        *cells,
        *named.items(),
        *((f"{where} (default {name})", each) for name, each in defaults.items()),
        *([] if wrapped is None else [(where, wrapped)]),
    ]


class GlobalName(str):
    """Name of a global variable, as a key of the function that names it."""


def global_values(function: FunctionType) -> dict[GlobalName, Any]:
    """Return the global variables that a function names: values, and functions beside it."""
    around = function.__globals__
    # Not `__module__`: that of a function compiled by torch is the module of the user's function.
    if str(around.get("__name__")).partition(".")[0] == "torch":
        return {}
    values = {name: around[name] for name in function.__code__.co_names if name in around}
    return {
        GlobalName(name): value
        for name, value in values.items()
        if not isinstance(value, type | ModuleType | BuiltinFunctionType)
        and (not is_function(value) or getattr(value, "__globals__", None) is around)
    }


def _cell(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # not assigned yet
        return []


class Content(NamedTuple):
    """Content of one value without that of its children.

    Attributes:
        items: (key, value) of a mapping; (index, item) of a list; ("", value) of a state.
        attributes: name → value.
    """

    items: Sequence[tuple[Any, Any]] = ()
    attributes: Mapping[str, Any] = MappingProxyType({})


def content_of(value: Any) -> Content | None:
    """Return the content of a value; None if it has none that can be read."""
    if type(value) in _CONTAINERS:
        return Content(_items(value))
    if isinstance(value, _WITHOUT_CONTENT) or is_function(value) or _is_opaque(value):
        return None
    state = random_state(value)
    if state is not None:
        return Content([("", state)])
    if type(value).__name__ == "ndarray":
        return Content(list(enumerate(value.flat))) if value.dtype.kind == "O" else None
    if isinstance(value, GeneratorType):
        frame = value.gi_frame
        return Content(
            [] if frame is None else [("", v) for v in (frame.f_lasti, *frame.f_locals.values())]
        )
    if _is_builtin_iterator(value):
        return Content([("", operator.length_hint(value, -1)), ("", repr(value))])
    return Content(_items(value), attributes_of(value))


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, nn.Module):
        parts = ((part, vars(value)[part]) for part in MODULE_PARTS)
        return [(f"{part}.{name}", v) for part, inner in parts for name, v in inner.items()]
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, list | tuple | deque):
        return list(enumerate(value))
    if isinstance(value, set | frozenset):
        return [("", frozenset(value))]
    return list(enumerate(_cell(value))) if isinstance(value, CellType) else []


def changed_place(where: str, before: Content, after: Content) -> tuple[str, Any] | None:
    """Return the expression of the first difference and the present value; None if equal."""
    for name, value in after.attributes.items():
        if name not in before.attributes or not is_same(before.attributes[name], value):
            return f"{where}.{name}", value
    if before.attributes.keys() != after.attributes.keys():
        return where, None
    if len(before.items) != len(after.items):
        return where, None
    for (old_key, old), (key, value) in zip(before.items, after.items, strict=True):
        if not (is_same(old_key, key) and is_same(old, value)):
            return _item(where, key), value
    return None


def _item(where: str, key: object) -> str:
    """Return the expression for an item; a global variable has its own name."""
    if isinstance(key, GlobalName):
        return key
    part, _, name = key.partition(".") if isinstance(key, str) else ("", "", "")
    if part in MODULE_PARTS:
        return f"{where}.{name}"
    return f"{where}[{key!r}]" if isinstance(key, int | str) and key != "" else where


def is_same(one: Any, other: Any) -> bool:
    """Return True for identical objects and for equal plain values."""
    if one is other:
        return True
    if type(one) is not type(other) or not isinstance(one, (*PLAIN, frozenset, GeneratorState)):
        return False
    return one == other or (one != one and other != other)


class GeneratorState:
    """State of a random generator, compared by its text."""

    def __init__(self, value: object) -> None:
        self.value = value
        self._text = str(value.tolist() if isinstance(value, Tensor) else value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GeneratorState) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def random_state(value: Any) -> GeneratorState | None:
    """Return the state of a random generator of torch, NumPy or Python; else None."""
    if isinstance(value, random.Random):
        return GeneratorState(value.getstate())
    if hasattr(type(value), "bit_generator"):  # numpy.random.Generator
        return GeneratorState(value.bit_generator.state)
    if isinstance(value, torch.Generator) or type(value).__name__ == "RandomState":
        return GeneratorState(value.get_state())
    return None


def set_random_state(value: Any, state: GeneratorState) -> None:
    if isinstance(value, random.Random):
        value.setstate(state.value)  # pyright: ignore[reportArgumentType]
    elif hasattr(type(value), "bit_generator"):
        value.bit_generator.state = state.value
    else:
        value.set_state(state.value)
