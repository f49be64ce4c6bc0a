"""The form of a case: a mistake as somebody reported it, and what the audit must say of it.

A file `<class letter>/<slug>.py` holds one case: `CASE`, and the functions `broken()` and
`mended()`, or `example()` if the report was a false alarm. Each function builds fresh networks and
returns the contract and the updates that `audit` takes.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from ddpg.isolation import Contract, Grade
from ddpg.isolation.report import Kind, Verdict

Updates = Mapping[str, Callable[[], object]]
Example = Callable[[], tuple[Contract, Updates]]


@dataclass(frozen=True)
class Expected:
    """A finding that the audit must make.

    Attributes:
        loss: the term, where the case names its loss terms.
        entry: part of the source line where the finding's path enters the module, or where the
            path of a starved one ends; empty if the case does not say.
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
        identifier: the mistake class and a number; several mistakes of one report share it.
        mistake_class: one letter, A to N.
        algorithm: as the report names it.
        url: address of the report.
        expected: every finding that the broken example has; empty for a false alarm.
        false_alarm: the reported code is clean.
        reason: why a false alarm is one.
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
                f"{self.identifier}: a false alarm has a reason and expects nothing, "
                "every other case expects at least one finding"
            )


@dataclass(frozen=True)
class Filed:
    """A case with the file that it stands in: `name` is `<class letter>/<slug>`."""

    name: str
    case: Case
    module: ModuleType

    def example(self, which: str) -> Example:
        """The function `broken`, `mended` or `example` of the file."""
        return getattr(self.module, which)


def collect() -> list[Filed]:
    """Every case of the corpus, in the order of its file names."""
    folder = Path(__file__).parent
    names = sorted(f"{path.parent.name}/{path.stem}" for path in folder.glob("[a-n]/*.py"))
    filed = []
    for name in names:
        module = importlib.import_module(f"{__package__}.{name.replace('/', '.')}")
        filed.append(Filed(name, module.CASE, module))
    return filed
