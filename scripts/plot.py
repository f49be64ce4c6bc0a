"""Draw runs, a row each: `python scripts/plot.py runs/A runs/B --output curves.png`."""

from pathlib import Path

from ddpg.cli.parser import OneSentenceParser, fail
from ddpg.errors import ConfigError
from ddpg.evaluation.curves import draw_runs


def main() -> int:
    """Exit status: 0 done, 2 a usage error."""
    parser = OneSentenceParser(prog="plot.py", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, a row each")
    parser.add_argument("--output", type=Path, default=Path("curves.png"), help=".png, .svg, .pdf")
    arguments = parser.parse_args()
    try:
        draw_runs(arguments.runs, arguments.output)
    except ConfigError as error:
        fail("plot.py", error)
    except OSError as error:
        fail("plot.py", f"{error.filename} cannot be read or written: {error.strerror}")
    print(arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
