"""Prints what the audit finds in the corpus: `python -m tests.isolation.corpus.table`.

First a line a class of mistake, with the kinds of finding that it shows in; then a line a case,
with the kinds found on the broken example, the expected findings that were made, and the findings
that nobody expected, on the broken example, its mended twin or the false alarm. Last recall
(expected findings made, of all expected) and precision (expected findings made, of those and the
false ones). Both tables are Markdown. Exit status 1 unless recall and precision are 1.
"""

import sys
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

from tests.isolation.corpus.case import Filed, collect
from tests.isolation.corpus.outcome import Outcome, outcome

MEANINGS = {
    "A": "no stop-gradient on the TD target",
    "B": "value, advantage or coefficient not detached",
    "C": "over-cut: a network that should learn gets nothing",
    "D": "a gradient left in, or handed to, another network's optimizer",
    "E": "shared encoder trained by the wrong loss, by both, or twice",
    "F": "optimizer membership: foreign, missing, twice",
    "G": "stale optimizer after replacing or loading",
    "H": "aliasing: the target is the online network, a tie made or broken",
    "I": "target sync writes the wrong network, or not all of it",
    "J": "parameters stepped between forward and backward",
    "K": "inference tensors or live graphs kept between updates",
    "L": "train, eval and no_grad confused",
    "M": "zero gradient is not no gradient: momentum, weight decay",
    "N": "reachable, and the gradient exactly zero",
}


@dataclass(frozen=True)
class Row:
    """A case and its outcomes: of the broken example and the mended twin, or of the false alarm."""

    filed: Filed
    outcomes: tuple[Outcome, ...]

    @property
    def found(self) -> int:
        return sum(len(each.found) for each in self.outcomes)

    @property
    def false(self) -> int:
        return sum(len(each.false) for each in self.outcomes)

    @property
    def kinds(self) -> set[str]:
        return {finding.kind for each in self.outcomes for finding in each.found}


def main() -> int:
    # PyTorch warns of a parameter that an optimizer holds twice, which is the mistake of a class.
    warnings.filterwarnings("ignore", message="optimizer contains a parameter group with duplicate")
    rows = [row(filed) for filed in collect()]
    found, false = sum(each.found for each in rows), sum(each.false for each in rows)
    expected = sum(len(each.filed.case.expected) for each in rows)
    false_alarms = sum(each.filed.case.false_alarm for each in rows)
    recall, precision = found / expected, found / (found + false)

    console = Console(width=140)
    console.print(table_of_classes(rows))
    console.print(table_of_cases(rows))
    console.print(
        f"{len(rows) - false_alarms} mistakes with their mended twins, {false_alarms} false "
        f"alarms. Recall {recall:.3f} ({found} of {expected} expected findings made), precision "
        f"{precision:.3f} ({false} findings that nobody expected).",
        soft_wrap=True,
    )
    return 0 if recall == precision == 1 else 1


def row(filed: Filed) -> Row:
    if filed.case.false_alarm:
        return Row(filed, (outcome(filed.example("example")),))
    broken = outcome(filed.example("broken"), filed.case.expected)
    return Row(filed, (broken, outcome(filed.example("mended"))))


def table_of_classes(rows: list[Row]) -> Table:
    table = Table("class", "mistake", "cases", "false alarms", "kinds of finding", box=MARKDOWN)
    for letter, meaning in MEANINGS.items():
        of_class = [each for each in rows if each.filed.case.mistake_class == letter]
        false_alarms = sum(each.filed.case.false_alarm for each in of_class)
        kinds = set[str]().union(*(each.kinds for each in of_class))
        cases = str(len(of_class) - false_alarms)
        table.add_row(letter, meaning, cases, str(false_alarms), listed(kinds))
    return table


def table_of_cases(rows: list[Row]) -> Table:
    table = Table("case", "report", "kinds found", "expected", "found", "false", box=MARKDOWN)
    for each in rows:
        case = each.filed.case
        table.add_row(
            each.filed.name,
            f"{case.identifier}, {case.algorithm}",
            "false alarm" if case.false_alarm else listed(each.kinds),
            str(len(case.expected)),
            str(each.found),
            str(each.false),
        )
    return table


def listed(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


if __name__ == "__main__":
    sys.exit(main())
