"""A claim, and the result of its measurement."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum


class ClaimVerdict(Enum):
    """Result of the measurement of a claim."""

    TRUE = "true"
    FALSE = "false"
    PARTLY = "partly"


@dataclass(frozen=True)
class Statement:
    """One testable consequence of a claim.

    Attributes:
        text: what would hold if the claim did.
        holds: whether it does.
        measured: the measured values.
    """

    text: str
    holds: bool
    measured: str = ""


@dataclass(frozen=True)
class StopClaim:
    """A claim about gradient stops.

    Attributes:
        name: identifier for tests.
        text: the claim as it is usually stated.
        verdict: expected result of the measurement, checked by a test.
        measure: runs the measurement.
        test: test in `tests/tutorial/test_claims.py` that pins the measurement.
        timed: the claim is about time, which `measure` does not measure.
    """

    name: str
    text: str
    verdict: ClaimVerdict
    measure: Callable[[], list[Statement]]
    test: str
    timed: bool = False


def verdict_of(statements: Sequence[Statement]) -> ClaimVerdict:
    """Return TRUE if every statement holds, FALSE if none does, else PARTLY."""
    if all(statement.holds for statement in statements):
        return ClaimVerdict.TRUE
    if any(statement.holds for statement in statements):
        return ClaimVerdict.PARTLY
    return ClaimVerdict.FALSE
