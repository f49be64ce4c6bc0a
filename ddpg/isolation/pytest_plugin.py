"""The pytest fixture `isolation`: `isolation(contract).check(updates)`.

pytest loads this module in every run if the package is installed. So torch is imported only when a
test uses the fixture.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .contract import Contract
    from .report import Report

Update = Callable[[], Any]


@dataclass(frozen=True)
class Isolation:
    """Contract of the agent under test."""

    contract: "Contract"

    def check(self, updates: "Mapping[str, Update] | Update", **options: Any) -> "Report":
        """Audit the updates, and fail the test if there are findings.

        Args:
            updates: as for `audit`.
            options: as for `audit`.

        Raises:
            ContractBrokenError: an update broke the contract; the message has all findings.
        """
        from .auditing import audit

        __tracebackhide__ = True
        report = audit(self.contract, updates, **options)
        report.assert_kept()
        return report


@pytest.fixture
def isolation() -> "Callable[[Contract], Isolation]":
    """Return the class `Isolation`; `isolation(contract).check(updates)` fails on findings."""
    return Isolation
