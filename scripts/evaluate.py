"""Score a run's deterministic policies: `python scripts/evaluate.py runs/NAME --episodes 100`.

`--compare RUN RUN` names the first evaluation at which the weights of two runs part.
"""

import json
import sys
from pathlib import Path

from rich.console import Console

from ddpg.cli.display import evaluation_table
from ddpg.cli.parser import OneSentenceParser, fail
from ddpg.errors import CheckpointError, ConfigError, EnvironmentFaultError
from ddpg.evaluation.episodes import FIRST_SEED, evaluate
from ddpg.evaluation.video import record
from ddpg.evaluation.weights import compare
from ddpg.runs.files import atomic_write


def main() -> int:
    """Exit status: 0 done, 1 two runs part, or an environment is at fault, 2 a usage error."""
    parser = OneSentenceParser(prog="evaluate.py", description=__doc__)
    parser.add_argument("run", type=Path | None, nargs="?", help="folder of the run")
    parser.add_argument(
        "--compare", type=Path, nargs=2, metavar="RUN", help="two runs: where do they part?"
    )
    parser.add_argument("--episodes", type=int, default=100, help="episodes of each member, ≥ 1")
    parser.add_argument(
        "--seed", type=int, default=FIRST_SEED, help="episode i starts from reset(seed=SEED + i)"
    )
    parser.add_argument("--json", type=Path | None, help="file for the scores, one a member")
    parser.add_argument("--video", type=Path | None, help=".mp4 or .gif of one episode at SEED")
    parser.add_argument("--member", type=int, default=0, help="whose video, from 0")
    parser.add_argument(
        "--env", type=str | None, help="of a run with the env module:id, that name again"
    )
    arguments = parser.parse_args()
    if bool(arguments.run) == bool(arguments.compare):
        parser.error("allowed: the folder of a run, or --compare and the folders of two")
    try:
        if arguments.compare:
            comparison = compare(*arguments.compare)
            print(comparison)
            return int(comparison.parts_at is not None)
        if arguments.video:
            total = record(
                arguments.run, arguments.video, arguments.member, arguments.seed, arguments.env
            )
            print(f"{arguments.video}: return {total:.2f}")
        evaluation = evaluate(arguments.run, arguments.episodes, arguments.seed, arguments.env)
        Console().print(evaluation_table(evaluation))
        if arguments.json:
            text = json.dumps(evaluation.to_dict(), indent=2) + "\n"
            with atomic_write(arguments.json) as unfinished:
                unfinished.write_text(text, encoding="utf-8")
    except (ConfigError, CheckpointError) as error:
        fail("evaluate.py", error)
    except EnvironmentFaultError as error:
        print(f"evaluate.py: stopped: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        fail("evaluate.py", f"{error.filename} cannot be written: {error.strerror}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
