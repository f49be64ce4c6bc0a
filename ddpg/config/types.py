"""Strict setting types: bools are not numbers, 1e4 is an integer."""

from operator import index
from typing import Annotated, Any, SupportsIndex

from pydantic import BeforeValidator, Field

LARGEST_INTEGER = 10**12
"""Upper bound of the integers that have no bound of their own."""
WIDEST_LAYER = 2**13
"""Largest width of a hidden layer, in units."""


def _to_integer(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # NumPy integers are not `int`. Bools support `index` too and must stay bools.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return value
    return index(value)


def _to_tuple(value: object) -> object:
    """Convert a list to a tuple, since YAML has lists only."""
    return tuple(value) if isinstance(value, list) else value


_Integer = Annotated[int, BeforeValidator(_to_integer)]
_Period = Annotated[int, BeforeValidator(_to_integer), Field(ge=1, le=LARGEST_INTEGER)]
_Width = Annotated[int, BeforeValidator(_to_integer), Field(ge=1, le=WIDEST_LAYER)]

VALIDATED_TYPES: dict[Any, Any] = {
    int: _Integer,
    int | dict[str, int]: _Period | dict[str, _Period],
    tuple[int, ...]: Annotated[tuple[_Width, ...], BeforeValidator(_to_tuple)],
}
"""Type of a setting -> its validated type, for the types that pydantic alone does not cover."""
