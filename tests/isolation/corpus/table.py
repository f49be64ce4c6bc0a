"""Prints what the audit finds in the corpus: `python -m tests.isolation.corpus.table`.

One line a case: the kinds of finding on the broken example, how many of the expected findings were
made, and the findings that nobody expected, on the broken example, its mended twin or the false
alarm. Then recall (expected findings made, of all expected) and precision (findings that were
expected, of all places found). Exit status 1 unless both are 1.
"""

import sys
import warnings

from rich.console import Console
from rich.table import Table

from tests.isolation.corpus.case import Filed, collect
from tests.isolation.corpus.outcome import Outcome, outcome


def main() -> int:
    # PyTorch warns of a parameter that an optimizer holds twice, which is the mistake of a class.
    warnings.filterwarnings("ignore", message="optimizer contains a parameter group with duplicate")
    table = Table("class", "case", "report", "kinds found", "expected", "found", "false")
    found = expected = false = 0
    corpus = collect()
    for filed in corpus:
        results = outcomes(filed)
        kinds = sorted({each.kind for result in results for each in result.found})
        hits = sum(len(result.found) for result in results)
        wrong = sum(len(result.false) for result in results)
        table.add_row(
            filed.case.mistake_class,
            filed.name.partition("/")[2],
            filed.case.identifier,
            "false alarm" if filed.case.false_alarm else ", ".join(kinds),
            str(len(filed.case.expected)),
            str(hits),
            str(wrong),
        )
        found, expected, false = found + hits, expected + len(filed.case.expected), false + wrong
    console = Console(width=110)
    console.print(table)
    false_alarms = sum(filed.case.false_alarm for filed in corpus)
    recall, precision = found / expected, found / (found + false)
    console.print(
        f"{len(corpus) - false_alarms} mistakes with their mended twins, "
        f"{false_alarms} false alarms: "
        f"recall {recall:.3f} ({found} of {expected}), "
        f"precision {precision:.3f} ({false} false)"
    )
    return 0 if recall == precision == 1 else 1


def outcomes(filed: Filed) -> list[Outcome]:
    if filed.case.false_alarm:
        return [outcome(filed.example("example"))]
    broken = outcome(filed.example("broken"), filed.case.expected)
    return [broken, outcome(filed.example("mended"))]


if __name__ == "__main__":
    sys.exit(main())
