"""The pytest fixture `isolation`: `isolation(contract).check(updates)`.

pytest loads this module in every run. It imports nothing of its package, so that a user's file of
the same name cannot break pytest: the wheels contain it a second time under a name of its own. The
audit, and with it PyTorch, is imported by `check`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
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
        __tracebackhide__ = True
        # The audit of the same package as the contract: two distributions contain it.
        audit = import_module(f"{_package_of(self.contract)}.auditing").audit
        report = audit(self.contract, updates, **options)
        report.assert_kept()
        return report


@pytest.fixture
def isolation() -> "Callable[[Contract], Isolation]":
    """Return the class `Isolation`; `isolation(contract).check(updates)` fails on findings."""
    return Isolation


def _package_of(contract: object) -> str:
    for base in type(contract).__mro__:
        if base.__name__ == "Contract":
            return base.__module__.rpartition(".")[0]
    raise TypeError(f"contract: {contract!r} is not allowed; allowed: a Contract of the audit")
