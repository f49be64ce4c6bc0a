"""Print the audit's findings on the corpus: `python -m tests.isolation.corpus.table`.

Prints two Markdown tables and one line:

1. one row per class of mistake: number of cases and the kinds of finding;
2. one row per case: kinds of finding, and the number of expected, made and unexpected findings;
3. recall (expected findings made / all expected findings) and precision (expected findings made /
   all findings made).

The exit status is 0 if recall and precision are 1, else 1.
"""

import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from tests.isolation.corpus.case import CaseFile, collect
from tests.isolation.corpus.outcome import Outcome, audit_example

MISTAKES = {
    "A": "no stop-gradient on the TD target",
    "B": "value, advantage or coefficient not detached",
    "C": "cut too much: a network that should learn gets no gradient",
    "D": "a gradient left in another network, or applied by its optimizer",
    "E": "shared encoder trained by the wrong loss, by both, or twice",
    "F": "optimizer membership: foreign, missing, twice",
    "G": "stale optimizer after networks were replaced or loaded",
    "H": "aliasing: the target is the online network, or ties are wrong",
    "I": "target sync writes the wrong network, or only a part",
    "J": "parameters stepped between forward and backward",
    "K": "inference tensors or live graphs stored between updates",
    "L": "train, eval and no_grad confused",
    "M": "zero gradients instead of None: momentum and weight decay apply",
    "N": "reachable, but the gradient is exactly zero",
    "O": "styles of writing a training loop, with a mistake and without",
}


@dataclass(frozen=True)
class CaseOutcome:
    """A case and its outcomes: broken example and fixed twin, or the false alarm alone."""

    case_file: CaseFile
    outcomes: tuple[Outcome, ...]

    @property
    def made(self) -> int:
        return sum(len(each.made) for each in self.outcomes)

    @property
    def unexpected(self) -> int:
        return sum(len(each.unexpected) for each in self.outcomes)

    @property
    def kinds(self) -> set[str]:
        return {finding.kind for each in self.outcomes for finding in each.made}


def main() -> int:
    # PyTorch warns about parameters that an optimizer holds twice: the mistake in some cases.
    warnings.filterwarnings("ignore", message="optimizer contains a parameter group with duplicate")
    outcomes = [audit_case(case_file) for case_file in collect()]
    made = sum(each.made for each in outcomes)
    unexpected = sum(each.unexpected for each in outcomes)
    expected = sum(len(each.case_file.case.expected) for each in outcomes)
    false_alarms = sum(each.case_file.case.false_alarm for each in outcomes)
    recall, precision = made / expected, made / (made + unexpected)

    console = Console(width=150)
    console.print(class_table(outcomes))
    console.print(case_table(outcomes))
    console.print(
        f"{len(outcomes) - false_alarms} mistakes, each with a fixed twin, and {false_alarms} "
        f"false alarms. Recall {recall:.3f} ({made} of {expected} expected findings), precision "
        f"{precision:.3f} ({unexpected} unexpected findings).",
        soft_wrap=True,
    )
    return 0 if recall == precision == 1 else 1


def audit_case(case_file: CaseFile) -> CaseOutcome:
    if case_file.case.false_alarm:
        return CaseOutcome(case_file, (audit_example(case_file.example("example")),))
    broken = audit_example(case_file.example("broken"), case_file.case.expected)
    return CaseOutcome(case_file, (broken, audit_example(case_file.example("fixed"))))


def class_table(outcomes: list[CaseOutcome]) -> Table:
    table = Table("class", "mistake", "cases", "false alarms", "kinds of finding", box=MARKDOWN)
    for letter, meaning in MISTAKES.items():
        in_class = [each for each in outcomes if each.case_file.case.mistake_class == letter]
        false_alarms = sum(each.case_file.case.false_alarm for each in in_class)
        kinds = set[str]().union(*(each.kinds for each in in_class))
        cases = str(len(in_class) - false_alarms)
        table.add_row(letter, meaning, cases, str(false_alarms), join_sorted(kinds))
    return table


def case_table(outcomes: list[CaseOutcome]) -> Table:
    table = Table("case", "report", "kinds found", "expected", "found", "unexpected", box=MARKDOWN)
    for each in outcomes:
        case = each.case_file.case
        table.add_row(
            each.case_file.name,
            f"{case.identifier}, {case.algorithm}",
            "false alarm" if case.false_alarm else join_sorted(each.kinds),
            str(len(case.expected)),
            str(each.made),
            str(each.unexpected),
        )
    return table


def join_sorted(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


if __name__ == "__main__":
    sys.exit(main())
