"""Speed beside a peer (needs the extra `peers`): `python scripts/bench.py`; `--audit`: its cost."""

import subprocess
from pathlib import Path

from rich.console import Console

from ddpg.benchmark import SUBJECTS, compare, to_json
from ddpg.benchmark_audit import audit_costs, training_slowdown
from ddpg.command_line import OneSentenceParser, fail
from ddpg.display import audit_cost_table, slowdown_table, speed_table
from ddpg.whole_file import whole_file

_STEP = 500


def main() -> int:
    """Exit status: 0 done, 2 a usage error or a subject that failed."""
    parser = OneSentenceParser(prog="bench.py", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="processes of each subject, ≥ 1")
    parser.add_argument(
        "--steps", type=int, default=3_000, help=f"timed environment steps, a multiple of {_STEP}"
    )
    parser.add_argument("--json", type=Path | None, help="file for the speeds")
    parser.add_argument("--audit", action="store_true", help="the cost of an audit, and no speeds")
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        fail("bench.py", f"repeats is {arguments.repeats}; allowed: a whole number ≥ 1")
    if arguments.steps < _STEP or arguments.steps % _STEP:
        fail("bench.py", f"steps is {arguments.steps}; allowed: a multiple of {_STEP}")
    if arguments.audit:
        Console().print(audit_cost_table(audit_costs(20 * arguments.repeats)))
        Console().print(slowdown_table(training_slowdown(4 * arguments.repeats)))
        return 0
    try:
        speeds = compare(list(SUBJECTS), arguments.repeats, arguments.steps)
        if arguments.json:
            with whole_file(arguments.json) as unfinished:
                unfinished.write_text(to_json(speeds), encoding="utf-8")
    except subprocess.CalledProcessError as error:
        fail("bench.py", (error.stderr or str(error)).splitlines()[-1])
    except OSError as error:
        fail("bench.py", f"{error.filename} cannot be written: {error.strerror}")
    Console().print(speed_table(speeds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
