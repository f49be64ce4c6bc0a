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


def walk_objects(
    roots: Mapping[str, object], late_roots: Mapping[str, object] | None = None
) -> Iterator[Place]:
    """Yield the modules, optimizers and groups of parameters that variables lead to.

    Breadth first, each object once. Of a module, only attributes that are not its parts are
    entered: many modules hold their optimizer.

    Args:
        late_roots: further variables; their expressions are used if no variable in `roots` leads
            to the object.
    """
    met: set[int] = set()
    for variables in (roots, late_roots or {}):
        nobody: frozenset[int] = frozenset()
        queue = deque((Place(name, (name,), value), 0, nobody) for name, value in variables.items())
        while queue and len(met) < _MOST_OBJECTS:
            place, depth, parts = queue.popleft()
            value = place.value
            if id(value) in met or id(value) in parts:
                continue
            met.add(id(value))
            if isinstance(value, nn.Module):
                parts |= {id(part) for part in value.modules()}
            if isinstance(value, nn.Module | Optimizer) or is_parameters(value):
                yield place
            if depth < _DEPTH and not isinstance(value, Optimizer):
                queue += [(inner, depth + 1, parts) for inner in _inside(place)]


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
    if is_parameters(value):
        return
    if isinstance(value, nn.Module):
        yield from _attributes_of_module(place)
    elif isinstance(value, Mapping):
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


def _attributes_of_module(place: Place) -> Iterator[Place]:
    """Yield the attributes of a module and of its parts that are not parts themselves."""
    for path, module in place.value.named_modules():
        if type(module).__module__.partition(".")[0] in _CLOSED:
            continue
        inner = submodule(place, path, module) if path else place
        for name, value in vars(module).items():
            if not name.startswith("_") and not isinstance(value, Tensor):
                yield inner.attribute(name, value)


def submodule(place: Place, path: str, module: nn.Module) -> Place:
    """Return the place of a part of a module, such as `layers.0`."""
    for token in path.split("."):
        place = place.item(int(token), None) if token.isdigit() else place.attribute(token, None)
    return Place(place.expression, place.tokens, module)


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


def variables_of_frames(frame: FrameType | None) -> tuple[dict[str, object], dict[str, object]]:
    """Return the variables of a frame and of its callers, the outermost first, and late ones.

    Late are loop variables, those of installed libraries, and globals: another variable often leads
    to the same object by a better name. Frames of the audit and of torch are left out.
    """
    frames: list[FrameType] = []
    while frame is not None:
        name = frame.f_globals.get("__name__", "").partition(".")[0]
        place = _place(frame)
        if place.is_audits and frames:  # it runs the user's script
            break
        if place.is_users and name not in _CLOSED:
            frames.append(frame)
        frame = frame.f_back
    early: dict[str, object] = {}
    late: dict[str, object] = {}
    for each in reversed(frames):
        loops = _loop_variables(each)
        for name, value in each.f_locals.items():
            if name.isidentifier() and not name.startswith("__"):
                is_late = name in loops or _place(each).is_installed
                name = type(value).__name__.lower() if name == "self" else name
                _add_variable(late if is_late else early, name, value)
    for each in frames:
        for name in each.f_code.co_names:
            if name in each.f_globals:
                _add_variable(late, name, each.f_globals[name])
    renamed = dict(early)
    for name, value in late.items():
        _add_variable(renamed, name, value)
    return early, {name: value for name, value in renamed.items() if name not in early}


def _place(frame: FrameType) -> Frame:
    return Frame(frame.f_code.co_filename, 0, frame.f_code.co_name)


def _add_variable(variables: dict[str, object], name: str, value: object) -> None:
    """Add a variable; another value of the same name gets a number."""
    number, key = 1, name
    while key in variables and variables[key] is not value:
        number += 1
        key = f"{name}_{number}"
    variables[key] = value


def _loop_variables(frame: FrameType) -> set[str]:
    """Return the names that a `for` statement of the frame's code assigns."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(frame)))
    except (OSError, SyntaxError, TypeError):
        return set()
    targets = [node.target for node in ast.walk(tree) if isinstance(node, ast.For)]
    return {
        name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
    }
