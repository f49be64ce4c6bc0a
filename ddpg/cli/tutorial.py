"""Command line of `scripts/tutorial.py`."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from ddpg.cli.command import command
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.runs.files import write_file
from ddpg.tutorial import page, terminal
from ddpg.tutorial.blocks import GraphFigure, LessonSection
from ddpg.tutorial.claims.document import claims_document, measure_timings
from ddpg.tutorial.exercises import checker
from ddpg.tutorial.lesson.contents import lesson_sections


@command("tutorial")
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lesson, write what the options ask for, or check an exercise.

    Returns:
        Exit status: 0, or 1 if an exercise is not solved. A usage error exits with 2.
    """
    parsed = make_parser().parse_args(arguments)
    console = Console(highlight=False)
    outputs = [parsed.claims, parsed.graphs, parsed.html]
    if parsed.exercise is not None:
        if any(outputs):
            raise UsageError("--exercise: only --file, --hint and --solution are allowed with it")
        if not 1 <= parsed.exercise <= 5:
            raise UsageError(f"exercise: {parsed.exercise} is not allowed; allowed: 1 to 5")
        return _exercise(parsed.exercise, parsed.file, parsed.hint, parsed.solution, console)
    if parsed.file or parsed.hint or parsed.solution:
        raise UsageError("--file, --hint and --solution need --exercise N; allowed: 1 to 5")
    for folder in _folders(parsed.claims, parsed.graphs, parsed.html):
        # Fail before the work, which can take minutes.
        folder.mkdir(parents=True, exist_ok=True)
    if parsed.claims:
        _write_claims(Path(parsed.claims), console)
    if parsed.graphs or parsed.html:
        _write_lesson(lesson_sections(), parsed.graphs, parsed.html, console)
    if not any(outputs):
        console.print(terminal.render(lesson_sections()))
    return 0


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    parser = OneSentenceParser(
        prog=program("tutorial"),
        description="Lesson on gradient stops: two layers L1 → L2, then the two networks of DDPG. "
        "Without options it is printed as text.",
    )
    parser.add_argument("--graphs", metavar="DIR", help="write every graph to DIR as SVG and PNG")
    parser.add_argument("--html", metavar="FILE", help="write the lesson as one HTML page")
    parser.add_argument(
        "--claims",
        nargs="?",
        const="docs/claims.md",
        metavar="FILE",
        help="measure every claim, timings included (minutes), and write the table "
        "(default FILE: docs/claims.md)",
    )
    parser.add_argument(
        "--exercise", type=int | None, metavar="N", help="check exercise N (1 to 5)"
    )
    parser.add_argument("--file", metavar="FILE", help="your copy of the exercise")
    parser.add_argument("--hint", action="store_true", help="also show where the bug is")
    parser.add_argument("--solution", action="store_true", help="show the solution as a diff")
    return parser


def _exercise(number: int, file: str | None, hint: bool, solution: bool, console: Console) -> int:
    if solution:
        console.print(checker.solution_text(number), markup=False, soft_wrap=True)
        return 0
    result = checker.check(number, Path(file) if file else None)
    style = "green" if result.solved else "red"
    console.print(result.text(hint), style=style, markup=False, soft_wrap=True)
    return 0 if result.solved else 1


def _folders(claims: str | None, graphs: str | None, html: str | None) -> list[Path]:
    """Return the folders that the outputs are written to."""
    folders = [Path(file).parent for file in (claims, html) if file]
    return [*folders, Path(graphs)] if graphs else folders


def _write_lesson(
    sections: Sequence[LessonSection], graphs: str | None, html: str | None, console: Console
) -> None:
    if graphs:
        count = _write_graphs(sections, Path(graphs))
        console.print(f"{graphs}: {count} graphs, each as SVG and PNG", soft_wrap=True)
    if html:
        write_file(Path(html), page.page(sections))
        console.print(f"{html}: the lesson as one page", soft_wrap=True)


def _write_claims(path: Path, console: Console) -> None:
    started = time.perf_counter()
    text = claims_document(measure_timings())
    write_file(path, text)
    console.print(f"{path}: measured in {time.perf_counter() - started:.0f} s", soft_wrap=True)


def _write_graphs(sections: Sequence[LessonSection], folder: Path) -> int:
    """Write the graphs and return their number."""
    blocks = (block for section in sections for block in section.blocks)
    figures = [block for block in blocks if isinstance(block, GraphFigure)]
    for figure in figures:
        write_file(folder / f"{figure.name}.svg", figure.drawing.svg())
        write_file(folder / f"{figure.name}.png", figure.drawing.png())
    return len(figures)
