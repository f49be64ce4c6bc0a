"""Command line of `scripts/tutorial.py`.

Importing it imports no PyTorch, so that the first lines of the lesson appear at once.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import Namespace
from rich.console import Console

from ddpg.cli.command import command, fail
from ddpg.cli.invocation import program
from ddpg.cli.sentence_parser import OneSentenceParser
from ddpg.errors import UsageError
from ddpg.isolation.extras import require_extra
from ddpg.runs.files import require_output, write_file
from ddpg.tutorial import terminal
from ddpg.tutorial.blocks import GraphFigure, LessonSection
from ddpg.tutorial.lesson.contents import CHAPTERS, lesson_sections

_NAME = "tutorial"
NOTEBOOK = "docs/gradient_flow.ipynb"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the lesson, write what the options ask for, or check an exercise.

    Returns:
        Exit status: 0, or 1 if an exercise is not solved. A usage error exits with 2.
    """
    parsed = make_parser().parse_args(arguments)
    try:
        chapters = _chapters(parsed)
    except UsageError as error:
        fail(program(_NAME), error)
    console = Console(highlight=False)
    if parsed.exercise is None and not any(_outputs(parsed)):
        console.print(terminal.opening(chapters))
    return _run(parsed, chapters, console)


@command(_NAME)
def _run(parsed: Namespace, chapters: Sequence[int], console: Console) -> int:
    """Do the work, for which PyTorch is imported."""
    if parsed.exercise is not None:
        return _exercise(parsed.exercise, parsed.file, parsed.hint, parsed.solution, console)
    for folder in _folders(parsed):
        # Fail before the work, which can take minutes.
        folder.mkdir(parents=True, exist_ok=True)
    for file in filter(None, (parsed.claims, parsed.html, parsed.notebook)):
        require_output(Path(file))
    if parsed.claims:
        _write_claims(Path(parsed.claims), console)
    if parsed.notebook:
        _write_notebook(Path(parsed.notebook), console)
    if parsed.graphs or parsed.html:
        sections = list(lesson_sections(chapters))
        _write_lesson(sections, parsed.graphs, parsed.html, console)
    if not any(_outputs(parsed)):
        for section in lesson_sections(chapters):
            console.print(*terminal.render(section), sep="\n")
    return 0


def make_parser() -> OneSentenceParser:
    """Return the parser of the command line."""
    numbered = ", ".join(f"{number} {title}" for number, (_, title) in CHAPTERS.items())
    parser = OneSentenceParser(
        prog=program("tutorial"),
        description="Lesson on gradient stops: two layers L1 → L2, then the two networks of DDPG. "
        "Without options it is printed as text.",
    )
    parser.add_argument(
        "--chapters",
        metavar="N,N",
        help=f"print or write these chapters alone (default: all): {numbered}",
    )
    parser.add_argument("--graphs", metavar="DIR", help="write every graph to DIR as SVG and PNG")
    parser.add_argument("--html", metavar="FILE", help="write the lesson as one HTML page")
    parser.add_argument(
        "--notebook",
        nargs="?",
        const=NOTEBOOK,
        metavar="FILE",
        help="write the chapters 1 to 5 as a Jupyter notebook and run it, which needs the extra "
        f"notebook (default FILE: {NOTEBOOK})",
    )
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


def _outputs(parsed: Namespace) -> list[str | None]:
    return [parsed.claims, parsed.graphs, parsed.html, parsed.notebook]


def _chapters(parsed: Namespace) -> list[int]:
    """Return the numbers of `--chapters`, and check which options are together.

    Raises:
        UsageError: an option is not allowed.
    """
    for name in ("claims", "graphs", "html", "notebook"):
        if parsed[name] == "":
            raise UsageError(f"{name}: '' is not allowed; allowed: a path")
    if parsed.exercise is not None:
        if any((*_outputs(parsed), parsed.chapters)):
            raise UsageError("--exercise: only --file, --hint and --solution are allowed with it")
        if not 1 <= parsed.exercise <= 5:
            raise UsageError(f"exercise: {parsed.exercise} is not allowed; allowed: 1 to 5")
    elif parsed.file or parsed.hint or parsed.solution:
        raise UsageError("--file, --hint and --solution need --exercise N; allowed: 1 to 5")
    if parsed.chapters is None:
        return list(CHAPTERS)
    if parsed.notebook or (parsed.claims and not (parsed.graphs or parsed.html)):
        raise UsageError("--chapters: allowed for the text, --graphs and --html alone")
    named = [each.strip() for each in parsed.chapters.split(",")]
    if not all(each.isdecimal() and int(each) in CHAPTERS for each in named):
        raise UsageError(
            f"chapters: {parsed.chapters!r} is not allowed; allowed: numbers from 1 to "
            f"{len(CHAPTERS)}, joined by ','"
        )
    return list(dict.fromkeys(int(each) for each in named))


def _exercise(number: int, file: str | None, hint: bool, solution: bool, console: Console) -> int:
    from ddpg.tutorial.exercises import checker

    if solution:
        console.print(checker.solution_text(number), markup=False, soft_wrap=True)
        return 0
    result = checker.check(number, Path(file) if file else None)
    style = "green" if result.solved else "red"
    console.print(result.text(hint), style=style, markup=False, soft_wrap=True)
    return 0 if result.solved else 1


def _folders(parsed: Namespace) -> list[Path]:
    """Return the folders that the outputs are written to."""
    files = (parsed.claims, parsed.html, parsed.notebook)
    folders = [Path(file).parent for file in files if file]
    return [*folders, Path(parsed.graphs)] if parsed.graphs else folders


def _write_lesson(
    sections: Sequence[LessonSection], graphs: str | None, html: str | None, console: Console
) -> None:
    if graphs:
        count = _write_graphs(sections, Path(graphs))
        console.print(f"{graphs}: {count} graphs, each as SVG and PNG", soft_wrap=True)
    if html:
        from ddpg.tutorial import page

        write_file(Path(html), page.page(sections))
        console.print(f"{html}: the lesson as one page", soft_wrap=True)


def _write_claims(path: Path, console: Console) -> None:
    from ddpg.tutorial.claims.document import claims_document, measure_timings

    started = time.perf_counter()
    text = claims_document(measure_timings())
    write_file(path, text)
    console.print(f"{path}: measured in {time.perf_counter() - started:.0f} s", soft_wrap=True)


def _write_notebook(path: Path, console: Console) -> None:
    require_extra("notebook", "the notebook", "ipykernel", "nbclient", "nbformat")
    from ddpg.tutorial.notebook import executed_text

    write_file(path, executed_text())
    console.print(f"{path}: the notebook, with its outputs", soft_wrap=True)


def _write_graphs(sections: Sequence[LessonSection], folder: Path) -> int:
    """Write the graphs and return their number."""
    blocks = (block for section in sections for block in section.blocks)
    figures = [block for block in blocks if isinstance(block, GraphFigure)]
    for figure in figures:
        write_file(folder / f"{figure.name}.svg", figure.drawing.svg())
        write_file(folder / f"{figure.name}.png", figure.drawing.png())
    return len(figures)
