"""Strict setting types: bools are not numbers, 1e4 is an integer."""

from collections.abc import Callable
from operator import index
from typing import Annotated, Any, Literal, SupportsIndex

from pydantic import AfterValidator, BeforeValidator, Field

EnvironmentSource = str | Callable[..., Any]
"""Gymnasium id, `module:id`, or a callable that returns a Gymnasium environment."""

LARGEST_INTEGER = 10**12
"""Upper bound of the integers that have no bound of their own."""
LONGEST_EPISODE = 20_000
"""Default of `evaluation_max_steps`, 20 times the time limit of the MuJoCo tasks."""
LARGEST_SCALE = 1_000_000
"""Upper bound of `reward_scale`."""
WIDEST_LAYER = 2**13
"""Largest width of a hidden layer, in units."""
_DEEPEST_OPTION = 6
"""Levels of nesting; a YAML file of settings has at most ten."""


def _to_integer(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # NumPy integers are not `int`. Bools support `index` too and must stay bools.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return value
    return index(value)


def _plain_option(value: object, depth: int = 0) -> object:
    """Return an option of an environment as YAML has it: tuples become lists.

    Raises:
        ValueError: a part is not a plain value, or is NaN, which no stored option would equal.
    """
    if depth <= _DEEPEST_OPTION:
        if isinstance(value, list | tuple):
            return [_plain_option(each, depth + 1) for each in value]
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return {key: _plain_option(each, depth + 1) for key, each in value.items()}
        if value is None or isinstance(value, bool | int | str):
            return value
        if isinstance(value, float) and value == value:
            return float(value)
    raise ValueError


def _to_tuple(value: object) -> object:
    """Convert a list to a tuple, since YAML has lists only."""
    return tuple(value) if isinstance(value, list) else value


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError
    return values


_Scale = Annotated[float, Field(gt=0, le=LARGEST_SCALE)]
_Integer = Annotated[int, BeforeValidator(_to_integer)]
_Period = Annotated[int, BeforeValidator(_to_integer), Field(ge=1, le=LARGEST_INTEGER)]
_Width = Annotated[int, BeforeValidator(_to_integer), Field(ge=1, le=WIDEST_LAYER)]

VALIDATED_TYPES: dict[Any, Any] = {
    int: _Integer,
    int | dict[str, int]: _Period | dict[str, _Period],
    float | Literal["auto"]: _Scale | Literal["auto"],
    dict[str, Any]: Annotated[dict[str, Any], BeforeValidator(_plain_option)],
    tuple[str, ...]: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[\w./-]+$", max_length=100)], ...],
        BeforeValidator(_to_tuple),
        AfterValidator(_each_once),
    ],
    tuple[int, ...]: Annotated[tuple[_Width, ...], BeforeValidator(_to_tuple)],
}
"""Type of a setting -> its validated type, for the types that pydantic alone does not cover."""
