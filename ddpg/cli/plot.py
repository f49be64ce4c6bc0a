"""Draw runs, one row per run: `python scripts/plot.py runs/A runs/B --output curves.png`."""

from collections.abc import Sequence
from pathlib import Path

from ddpg.cli.command import command
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.isolation.extras import require_extra


@command("plot")
def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the picture and return 0."""
    parsed = make_parser().parse_args(arguments)
    require_extra("report", "a picture of runs", "matplotlib")
    from ddpg.evaluation.curves import draw_runs

    draw_runs(parsed.runs, parsed.output)
    print(parsed.output)
    return 0


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(prog=program("plot"), description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, one row each")
    parser.add_argument("--output", type=Path, default=Path("curves.png"), help=".png, .svg, .pdf")
    return parser
