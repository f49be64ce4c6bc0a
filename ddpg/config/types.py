"""What the types of the settings take, strictly: true is no number, and 1e4 is a whole one."""

from operator import index
from typing import Annotated, Any, SupportsIndex

from pydantic import BeforeValidator, Field

LARGEST_WHOLE = 10**12
"""Of whole numbers without a bound of their own: more than any machine does or holds."""
WIDEST_LAYER = 2**13


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    # NumPy's whole numbers are no `int`; a bool, which is one to Python, stays a bool.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return value
    return index(value)


def _tuple(value: object) -> object:
    """YAML knows lists alone."""
    return tuple(value) if isinstance(value, list) else value


_Whole = Annotated[int, BeforeValidator(_whole)]
_Period = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=LARGEST_WHOLE)]
_Width = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=WIDEST_LAYER)]

VALIDATED: dict[Any, Any] = {
    int: _Whole,
    int | dict[str, int]: _Period | dict[str, _Period],
    tuple[int, ...]: Annotated[tuple[_Width, ...], BeforeValidator(_tuple)],
}
"""Type of a setting -> what validates it, where that is more than the type."""
