"""Walk over the objects that variables lead to, with the expression of each."""

import ast
import inspect
import sys
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from keyword import iskeyword
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from ..explain.sources import Frame

_MOST_OBJECTS = 20_000
_MOST_ITEMS = 256
"""Items of a list or dict that are visited: a replay buffer has more, and no networks."""
_DEPTH = 8
_CLOSED = {
    *(sys.stdlib_module_names - {"argparse", "builtins", "types"}),
    *("gym", "gymnasium", "jax", "matplotlib", "numpy", "pandas", "PIL", "rich", "scipy"),
    *("tensorboard", "torch", "tqdm", "wandb"),
}
"""Packages whose objects hold no networks of an agent as attributes."""


@dataclass(frozen=True)
class Place:
    """A value with the expression that leads to it.

    Attributes:
        expression: Python code, such as `agent.critics[0]`.
        tokens: names in it, such as `("agent", "critics[0]")`.
    """

    expression: str
    tokens: tuple[str, ...]
    value: Any

    def attribute(self, name: str, value: object) -> "Place":
        return Place(f"{self.expression}.{name}", (*self.tokens, name), value)

    def item(self, key: object, value: object) -> "Place":
        """Return the place of an item of a list or dict."""
        expression = f"{self.expression}[{key!r}]"
        if isinstance(key, str):
            return Place(expression, (*self.tokens, key), value)
        return Place(expression, (*self.tokens[:-1], f"{self.tokens[-1]}[{key!r}]"), value)


def walk_objects(roots: Mapping[str, object]) -> Iterator[Place]:
    """Yield the modules, optimizers and groups of parameters that variables lead to.

    Breadth first, each object once. Modules are not entered.
    """
    met: set[int] = set()
    queue = deque((Place(name, (name,), value), 0) for name, value in roots.items())
    while queue and len(met) < _MOST_OBJECTS:
        place, depth = queue.popleft()
        value = place.value
        if id(value) in met:
            continue
        met.add(id(value))
        if isinstance(value, nn.Module | Optimizer) or is_parameters(value):
            yield place
        elif depth < _DEPTH:
            queue += [(inner, depth + 1) for inner in _inside(place)]


def is_parameters(value: object) -> bool:
    """Return True for a leaf tensor that requires grad, and for a list or dict of such tensors."""
    if isinstance(value, Tensor):
        return value.is_leaf and value.requires_grad
    if isinstance(value, list | tuple) and 0 < len(value) <= _MOST_ITEMS:
        return all(isinstance(each, Tensor) and is_parameters(each) for each in value)
    if isinstance(value, Mapping) and 0 < len(value) <= _MOST_ITEMS:
        return all(isinstance(each, Tensor) and is_parameters(each) for each in value.values())
    return False


def _inside(place: Place) -> Iterator[Place]:
    """Yield the places one step inside a list, dict or object."""
    value = place.value
    if isinstance(value, Mapping):
        items = islice(value.items(), _MOST_ITEMS)
        yield from (place.item(key, each) for key, each in items if isinstance(key, str | int))
    elif isinstance(value, list | tuple | deque):
        yield from (place.item(key, each) for key, each in enumerate(islice(value, _MOST_ITEMS)))
    elif not isinstance(value, type | ModuleType | FunctionType | MethodType | Tensor):
        if type(value).__module__.partition(".")[0] in _CLOSED:
            return
        names = [*getattr(value, "__dict__", ()), *_slots(value)]
        for name in names:
            inner = inspect.getattr_static(value, name, None)
            if name in _slots(value):
                inner = getattr(value, name, None)
            yield place.attribute(name, inner)


def _slots(value: object) -> list[str]:
    slots = [vars(kind).get("__slots__", ()) for kind in type(value).__mro__]
    return [name for each in slots for name in ([each] if isinstance(each, str) else each)]


def variables_of(functions: Iterable[object]) -> dict[str, object]:
    """Return the variables that functions, and the functions that they call, use.

    These are `self` (as `agent`), closures, globals and bound arguments.
    """
    variables: dict[str, object] = {}
    queue = list(functions)
    met: set[int] = set()
    for function in queue:
        for name, value in _variables(function):
            if name.isidentifier() and not iskeyword(name):
                variables.setdefault(name, value)
            if isinstance(value, FunctionType | MethodType | partial) and id(value) not in met:
                met.add(id(value))
                queue.append(value)
    return variables


def _variables(function: object) -> Iterator[tuple[str, object]]:
    if isinstance(function, partial):
        yield from function.keywords.items()
        yield from ((f"argument_{index}", each) for index, each in enumerate(function.args))
        yield "function", function.func
    elif isinstance(function, MethodType):
        yield "agent", function.__self__
        yield "function", function.__func__
    elif isinstance(function, FunctionType):
        if function.__module__.partition(".")[0] in _CLOSED:
            return
        code, cells = function.__code__, function.__closure__ or ()
        for name, cell in zip(code.co_freevars, cells, strict=True):
            try:
                yield ("agent" if name == "self" else name), cell.cell_contents
            except ValueError:  # not assigned yet
                continue
        for name in code.co_names:
            if name in function.__globals__:
                yield name, function.__globals__[name]
    elif callable(function) and hasattr(function, "__dict__"):
        yield "agent", function


def variables_of_frames(frame: FrameType | None) -> dict[str, object]:
    """Return the variables of a frame and of its callers, the outermost first.

    Frames of the audit and of torch are left out. Loop variables are last: another variable often
    leads to the same object by a better name.
    """
    frames: list[FrameType] = []
    while frame is not None:
        name = frame.f_globals.get("__name__", "").partition(".")[0]
        code = frame.f_code
        if Frame(code.co_filename, 0, code.co_name).is_users and name not in _CLOSED:
            frames.append(frame)
        frame = frame.f_back
    first: dict[str, object] = {}
    last: dict[str, object] = {}
    for each in reversed(frames):
        loops = _loop_variables(each)
        for name, value in each.f_locals.items():
            if name.isidentifier() and not name.startswith("__"):
                (last if name in loops else first).setdefault(name, value)
    return {**first, **{name: value for name, value in last.items() if name not in first}}


def _loop_variables(frame: FrameType) -> set[str]:
    """Return the names that a `for` statement of the frame's code assigns."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(frame.f_code)))
    except (OSError, SyntaxError, TypeError):
        return set()
    targets = [node.target for node in ast.walk(tree) if isinstance(node, ast.For)]
    return {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }
