"""The command line of `scripts/tutorial.py`."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ddpg.cli.command import command
from ddpg.cli.parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.runs.files import write_file
from ddpg.tutorial import lesson, page, terminal
from ddpg.tutorial.blocks import Figure, Section
from ddpg.tutorial.claims import table as claims_table
from ddpg.tutorial.exercises import checker

PROGRAM = "tutorial.py"


@command(PROGRAM)
def main(arguments: Sequence[str] | None = None) -> int:
    """Show, draw, measure or check what the command line asks for.

    Returns:
        0; 1 if an exercise is not solved. Leaves with 2 on a usage error.
    """
    parsed = _parser().parse_args(arguments)
    console = Console(highlight=False)
    outputs = [parsed.claims, parsed.graphs, parsed.html]
    if parsed.exercise is not None:
        if any(outputs):
            raise UsageError("--exercise goes alone; allowed beside it: --file, --hint, --solution")
        if not 1 <= parsed.exercise <= 5:
            raise UsageError(f"exercise is {parsed.exercise}; allowed: 1 to 5")
        return _exercise(parsed.exercise, parsed.file, parsed.hint, parsed.solution, console)
    if parsed.file or parsed.hint or parsed.solution:
        raise UsageError("--file, --hint and --solution need --exercise N; allowed: 1 to 5")
    for folder in _folders(parsed.claims, parsed.graphs, parsed.html):
        # Before the work, which can take minutes.
        folder.mkdir(parents=True, exist_ok=True)
    if parsed.claims:
        _claims(Path(parsed.claims), console)
    if parsed.graphs or parsed.html:
        _drawn(lesson.sections(), parsed.graphs, parsed.html, console)
    if not any(outputs):
        terminal.show(lesson.sections(), console)
    return 0


def _parser() -> OneSentenceParser:
    parser = OneSentenceParser(
        prog=PROGRAM,
        description="L1 → L2 and the two networks of DDPG under every gradient stop. Without an "
        "option: the lesson, as text.",
    )
    parser.add_argument("--graphs", metavar="DIR", help="draw every graph there, as SVG and PNG")
    parser.add_argument("--html", metavar="FILE", help="write the lesson as one page")
    parser.add_argument(
        "--claims",
        nargs="?",
        const="docs/claims.md",
        metavar="FILE",
        help="measure every claim, timings too (minutes), and write the table (docs/claims.md)",
    )
    parser.add_argument(
        "--exercise", type=int | None, metavar="N", help="check exercise N (1 to 5)"
    )
    parser.add_argument("--file", metavar="FILE", help="your copy of the exercise")
    parser.add_argument("--hint", action="store_true", help="more about what is wrong, and where")
    parser.add_argument("--solution", action="store_true", help="the solution, as a difference")
    return parser


def _exercise(number: int, file: str | None, hint: bool, solution: bool, console: Console) -> int:
    if solution:
        console.print(checker.solution(number), markup=False, soft_wrap=True)
        return 0
    result = checker.check(number, Path(file) if file else None)
    style = "green" if result.solved else "red"
    console.print(result.text(hint), style=style, markup=False, soft_wrap=True)
    return 0 if result.solved else 1


def _folders(claims: str | None, graphs: str | None, html: str | None) -> list[Path]:
    """Where something is to be written."""
    folders = [Path(file).parent for file in (claims, html) if file]
    return [*folders, Path(graphs)] if graphs else folders


def _drawn(
    sections: Sequence[Section], graphs: str | None, html: str | None, console: Console
) -> None:
    if graphs:
        count = _graphs(sections, Path(graphs))
        console.print(f"{graphs}: {count} graphs, each as SVG and PNG", soft_wrap=True)
    if html:
        write_file(Path(html), page.page(sections).encode())
        console.print(f"{html}: the lesson in one page", soft_wrap=True)


def _claims(path: Path, console: Console) -> None:
    started = time.perf_counter()
    text = claims_table.document()
    write_file(path, text.encode())
    console.print(f"{path}: measured in {time.perf_counter() - started:.0f} s", soft_wrap=True)


def _graphs(sections: Sequence[Section], folder: Path) -> int:
    figures = [b for section in sections for b in section.blocks if isinstance(b, Figure)]
    for figure in figures:
        write_file(folder / f"{figure.name}.svg", figure.drawing.svg().encode())
        write_file(folder / f"{figure.name}.png", figure.drawing.png())
    return len(figures)
