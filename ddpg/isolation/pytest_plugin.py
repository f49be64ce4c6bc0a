"""The pytest fixture `isolation`: `isolation(contract).check(updates)` is a test.

pytest loads this module in every run of everybody who installed the package, so torch is imported
only when a test uses the fixture.
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
    """A contract, ready to be checked."""

    contract: "Contract"

    def check(self, updates: "Mapping[str, Update] | Update", **options: Any) -> "Report":
        """Audit the updates as a dry run, fail the test if the contract is broken.

        Args:
            updates: as for `audit`.
            options: as for `audit`.

        Raises:
            ContractBrokenError: with every finding.
        """
        from .auditing import audit

        __tracebackhide__ = True
        report = audit(self.contract, updates, **options)
        report.assert_kept()
        return report


@pytest.fixture
def isolation() -> "Callable[[Contract], Isolation]":
    """`isolation(contract).check(updates)` fails where an update broke the contract."""
    return Isolation
