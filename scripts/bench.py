"""Compare speeds with a peer: `python scripts/bench.py`; needs the extra `peers`."""

import subprocess
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from ddpg.benchmark import SUBJECTS, compare, to_json
from ddpg.command_line import OneSentenceParser, fail


def main() -> int:
    """Exit status: 0 done, 2 a usage error or a subject that failed."""
    parser = OneSentenceParser(prog="bench.py", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="processes of each subject, ≥ 1")
    parser.add_argument("--steps", type=int, default=3_000, help="timed environment steps, ≥ 500")
    parser.add_argument("--json", type=Path | None, help="file for the figures")
    arguments = parser.parse_args()
    if arguments.repeats < 1 or arguments.steps < 500 or arguments.steps % 500:
        fail("bench.py", "repeats must be ≥ 1, and steps a multiple of 500 that is ≥ 500")
    try:
        speeds = compare(list(SUBJECTS), arguments.repeats, arguments.steps)
    except subprocess.CalledProcessError as error:
        fail("bench.py", (error.stderr or str(error)).splitlines()[-1])
    table = Table("subject", "members", "agent-steps/s (median, range)", "ratio")
    for speed in speeds:
        spread = f"{min(speed.repeats):,.0f}–{max(speed.repeats):,.0f}"
        table.add_row(
            speed.subject,
            str(speed.members),
            f"{median(speed.repeats):,.0f} ({spread})",
            f"{speed.ratio:.2f}",
        )
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(to_json(speeds), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
