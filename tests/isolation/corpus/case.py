"""Cases of the corpus: one reported mistake per file, with the findings that the audit must make.

A file `<class letter>/<slug>.py` defines `CASE` and the functions `broken()` and `fixed()`, or
`CASE` and `example()` if the report was a false alarm. Each function builds new networks and
returns the contract and the updates, the arguments of `audit`.

Folder `o` holds styles of training loops instead of reports. A file there may define several cases:
`STYLES`, a dict from a name to a `Style`.
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
        mistake_class: One letter, A to O.
        algorithm: Name of the algorithm in the report.
        url: Address of the report; may be empty for a style (class O).
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
class Style:
    """One style of writing a training loop: with a mistake and without, or only without.

    Attributes:
        clean: Has no findings.
        broken: Has the findings `expected`; None if the style has no mistake of its own.
        reason: Why the clean example is no mistake; only if `broken` is None.
    """

    algorithm: str
    clean: Example
    broken: Example | None = None
    expected: tuple[Expected, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class CaseFile:
    """A case and the module that defines it: `name` is `<class letter>/<slug>`."""

    name: str
    case: Case
    module: ModuleType
    style: Style | None = None

    def example(self, which: str) -> Example:
        """Return the function `broken`, `fixed` or `example` of the file."""
        if self.style is None:
            return getattr(self.module, which)
        broken = self.style.broken
        return broken if which == "broken" and broken is not None else self.style.clean


def collect() -> list[CaseFile]:
    """Import all cases of the corpus, sorted by file name."""
    folder = Path(__file__).parent
    names = sorted(f"{path.parent.name}/{path.stem}" for path in folder.glob("[a-o]/*.py"))
    case_files: list[CaseFile] = []
    for name in names:
        module = importlib.import_module(f"{__package__}.{name.replace('/', '.')}")
        if hasattr(module, "STYLES"):
            case_files += _styles(name, module)
        else:
            case_files.append(CaseFile(name, module.CASE, module))
    return case_files


def _styles(name: str, module: ModuleType) -> list[CaseFile]:
    return [
        CaseFile(
            f"{name}:{slug}",
            Case(
                identifier=f"O {slug}",
                mistake_class="O",
                algorithm=style.algorithm,
                url="",
                expected=style.expected,
                false_alarm=style.broken is None,
                reason=style.reason,
            ),
            module,
            style,
        )
        for slug, style in module.STYLES.items()
    ]
