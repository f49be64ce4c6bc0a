"""Cases of the corpus: one reported mistake per file, with the findings that the audit must make.

A file `<class letter>/<slug>.py` defines `CASE` and the functions `broken()` and `fixed()`, or
`CASE` and `example()` if the report was a false alarm. Each function builds new networks and
returns the contract and the updates, the arguments of `audit`.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ddpg.isolation import Contract, Grade
from ddpg.isolation.results import Kind, Verdict

Updates = Mapping[str, Callable[[], object]]
Example = Callable[[], tuple[Contract, Updates]]


@dataclass(frozen=True)
class Expected:
    """Finding that the audit must make.

    Attributes:
        loss: Loss term; None if the case names no terms.
        entry: Part of the source line where the path enters the module, or where it ends if the
            module is starved. Empty: not checked.
    """

    update: str
    module: str
    verdict: Verdict
    grade: Grade
    kind: Kind
    loss: str | None = None
    entry: str = ""


@dataclass(frozen=True)
class Case:
    """One reported mistake, or one report that was a false alarm.

    Attributes:
        identifier: Mistake class and a number, shared by several mistakes of one report.
        mistake_class: One letter, A to N.
        algorithm: Name of the algorithm in the report.
        url: Address of the report.
        expected: All findings of the broken example. Empty for a false alarm.
        false_alarm: True if the reported code has no gradient mistake.
        reason: Why the report is a false alarm. Empty for a mistake.
    """

    identifier: str
    mistake_class: str
    algorithm: str
    url: str
    expected: tuple[Expected, ...] = ()
    false_alarm: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if self.false_alarm == bool(self.expected) or self.false_alarm != bool(self.reason):
            raise ValueError(
                f"{self.identifier}: a false alarm needs a reason and no expected findings, "
                "a mistake needs at least one expected finding and no reason"
            )


@dataclass(frozen=True)
class CaseFile:
    """A case and the module that defines it: `name` is `<class letter>/<slug>`."""

    name: str
    case: Case
    module: ModuleType

    def example(self, which: str) -> Example:
        """Return the function `broken`, `fixed` or `example` of the file."""
        return getattr(self.module, which)


def collect() -> list[CaseFile]:
    """Import all cases of the corpus, sorted by file name."""
    folder = Path(__file__).parent
    names = sorted(f"{path.parent.name}/{path.stem}" for path in folder.glob("[a-n]/*.py"))
    case_files = []
    for name in names:
        module = importlib.import_module(f"{__package__}.{name.replace('/', '.')}")
        case_files.append(CaseFile(name, module.CASE, module))
    return case_files
