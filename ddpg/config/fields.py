"""Fields of the config: type, unit and limits of each setting, and the messages about them."""

import dataclasses
from copy import deepcopy
from typing import Any, Literal, get_args, get_origin

from pydantic import Field

from ddpg.config.types import (
    LARGEST_INTEGER,
    LARGEST_SCALE,
    VALIDATED_TYPES,
    WIDEST_LAYER,
    EnvironmentSource,
)

_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_TYPE_WORDS: dict[Any, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    float | None: "null, or a number",
    str | None: "null, or text",
    float | dict[str, float]: "a number, or {module: number}",
    int | dict[str, int]: "a whole number ≥ 1, or {module: such a number}",
    float | Literal["auto"]: f"auto, or a number > 0 and ≤ {LARGEST_SCALE:,}",
    EnvironmentSource: "text, or a callable that returns an environment, in Python",
    dict[str, Any]: "{name: null, true or false, number, text, or a list or mapping of these}",
    tuple[str, ...]: "a list of names of letters, digits and _ . - /, each once",
    tuple[int, ...]: f"a list of whole numbers ≥ 1 and ≤ {WIDEST_LAYER:,}",
}


def setting(default: Any, text: str, unit: str = "", **limits: float) -> Any:
    """Return a dataclass field with a description, a unit and limits (`ge`, `gt`, `le`, `lt`)."""
    return dataclasses.field(
        default_factory=lambda: deepcopy(default),
        metadata={"text": text, "unit": unit, "limits": limits},
    )


class Setting:
    """Type, unit and limits of one setting.

    Args:
        field: the field of the config, made by `setting`.
    """

    def __init__(self, field: dataclasses.Field[Any]):
        self.name = field.name
        self.type: Any = field.type
        limits = field.metadata["limits"]
        is_bounded = self.type is not int or "le" in limits or "lt" in limits
        self.limits = limits if is_bounded else {**limits, "le": LARGEST_INTEGER}
        self._text, self._unit = field.metadata["text"], field.metadata["unit"]

    @property
    def allowed(self) -> str:
        """Allowed values."""
        if get_origin(self.type) is Literal:
            return " or ".join(get_args(self.type))
        limits = " and ".join(f"{_SIGNS[key]} {limit:,}" for key, limit in self.limits.items())
        return f"{_TYPE_WORDS[self.type]} {limits}".strip()

    @property
    def meaning(self) -> str:
        """Meaning and unit."""
        return f"{self._text}; unit: {self._unit}" if self._unit else self._text

    @property
    def help_text(self) -> str:
        """Meaning, unit and range."""
        return f"{self.meaning}; allowed: {self.allowed}"

    def refusal(self, value: object) -> str:
        """Return the error message for a value that is not allowed."""
        return refusal(self.name, value, self.allowed)

    def validator(self) -> tuple[Any, Any]:
        """Return type and constraints as `pydantic.create_model` takes them."""
        return VALIDATED_TYPES.get(self.type, self.type), Field(**self.limits)


def refusal(name: str, value: object, allowed: str, context: str = "") -> str:
    """Return the error message for a value of a setting that is not allowed in a context."""
    return f"{name}: {shorten(value)} is not allowed{context}; allowed: {allowed}"


def shorten(value: object) -> str:
    """Return the `repr` of a value, at most about 100 characters long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:80]} … ({len(text):,} characters)"
