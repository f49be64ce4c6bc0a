"""A claim, and what measuring it gives."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What the measurement says of a claim."""

    TRUE = "true"
    FALSE = "false"
    PARTLY = "partly"


@dataclass(frozen=True)
class Part:
    """One thing that follows from a claim.

    Attributes:
        statement: what would hold if the claim did.
        holds: whether it does.
        measured: what was seen.
    """

    statement: str
    holds: bool
    measured: str = ""


@dataclass(frozen=True)
class Claim:
    """A claim in the words in which it goes around.

    Attributes:
        name: for a test to call it by.
        text: the claim.
        verdict: what the parts below come to; a test runs them and compares.
        measure: runs the measurement.
        test: the test that pins it, in `tests/tutorial/test_claims.py`.
        timed: whether the claim is about time, of which `measure` says nothing.
    """

    name: str
    text: str
    verdict: Verdict
    measure: Callable[[], list[Part]]
    test: str
    timed: bool = False


def verdict_of(parts: list[Part]) -> Verdict:
    """True if every part holds, false if none does."""
    if all(part.holds for part in parts):
        return Verdict.TRUE
    return Verdict.PARTLY if any(part.holds for part in parts) else Verdict.FALSE
