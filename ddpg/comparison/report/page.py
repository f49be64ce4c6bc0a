"""Page of a report, `report.html`, written with its pictures, tables and TensorBoard runs."""

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple, TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ddpg.comparison.report import drawing
from ddpg.comparison.report.analysis import Analysis, analyse
from ddpg.comparison.report.bootstraps import sides
from ddpg.comparison.report.claims import (
    ExpectationCheck,
    SectionClaim,
    count,
    expectation_checks,
    section_claims,
)
from ddpg.comparison.report.cost import CostSample, read_cost
from ddpg.comparison.report.figures import section_figures
from ddpg.comparison.report.panels import ReportFigure
from ddpg.comparison.report.reading import (
    PICTURES,
    REPORT_FOLDERS,
    SUMMARY,
    SkippedRun,
    read_folder,
)
from ddpg.comparison.report.sections import ReportSection, split_sections
from ddpg.comparison.report.statistics import FINAL_EVALUATIONS
from ddpg.comparison.report.tables import (
    NumberRow,
    ReturnRow,
    number_rows,
    return_rows,
    write_csv,
)
from ddpg.comparison.report.tensorboard import write_summary_runs
from ddpg.errors import ConfigError
from ddpg.evaluation.confidence import REPETITIONS
from ddpg.evaluation.palette import COLOURS, DARK_COLOURS
from ddpg.runs.files import as_utf8, flush_folder, flush_tree, require_output

PAGE = "report.html"
NUMBERS = "figures.csv"
RETURNS = "returns.csv"
_MARK = ".ddpg-report"
"""File in each folder of a report. A folder without it is not replaced."""
_MODULES = ("critic", "actor", "critic_target", "actor_target")
_Part = TypeVar("_Part")


class SectionContent(NamedTuple):
    """Everything that the page shows of one section."""

    analysis: Analysis
    figures: list[ReportFigure]
    claims: list[SectionClaim]
    checks: list[ExpectationCheck]


def write_report(folder: Path, report: Callable[[int, int], None] | None = None) -> Path:
    """Write the report of every run in `folder`, in the place of an earlier one.

    Reads only `config.yaml` and `metrics.csv` of each run, `comparison.yaml` and `cost.csv`. The
    same runs give the same numbers.

    Args:
        folder: the folder of the runs.
        report: called with the number of finished parts, and of all, after each.

    Returns:
        The path of the page.

    Raises:
        ConfigError: the folder does not exist, has no runs, or has a folder in the place of one
            of the report's.
        OSError: a file cannot be written, or is a link, a pipe or a device; the earlier report is
            unchanged.
    """
    runs, skipped = read_folder(folder)
    _require_own_outputs(folder)
    sections, duplicates = split_sections(runs)
    samples = read_cost(folder)
    # Each section is analysed, and then drawn.
    count_part = _part_counter(2 * len(sections), report)
    contents = [count_part(_content(section, samples)) for section in sections]
    page = _page(folder, contents, [*skipped, *duplicates])
    numbers = [row for each in contents for row in number_rows(each.analysis, each.figures)]
    with _replacing_report(folder) as unfinished:
        (unfinished / PICTURES).mkdir()
        for content in contents:
            count_part(_draw(unfinished / PICTURES, content))
        write_csv(NumberRow, numbers, unfinished / NUMBERS)
        returns = itertools.chain.from_iterable(map(return_rows, sections))
        write_csv(ReturnRow, returns, unfinished / RETURNS)
        write_summary_runs(unfinished, [content.analysis for content in contents])
        (unfinished / PAGE).write_bytes(as_utf8(page))
        for name in REPORT_FOLDERS:
            if (unfinished / name).is_dir():
                (unfinished / name / _MARK).touch()
    return folder / PAGE


def _require_own_outputs(folder: Path) -> None:
    """Raise an error if the report would replace something that no report writes.

    Raises:
        ConfigError: a folder that was not written by a report.
        OSError: a folder, a link, a pipe or a device in the place of a file.
    """
    for path in (folder / name for name in REPORT_FOLDERS):
        if path.is_symlink() or (path.exists() and not (path / _MARK).is_file()):
            raise ConfigError(
                f"cannot write a report into {folder}: it would replace {path}, which no report "
                "wrote; allowed: after that has another name"
            )
    for name in (NUMBERS, RETURNS, PAGE):
        require_output(folder / name)


@contextmanager
def _replacing_report(folder: Path) -> Iterator[Path]:
    """Context manager: yield a temporary folder, then move its files into `folder`.

    If the block raises, `folder` is unchanged.

    Raises:
        OSError: a file cannot be written.
    """
    unfinished = folder / ".report-unfinished"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        yield unfinished
        flush_tree(unfinished)
        for name in (PICTURES, SUMMARY, NUMBERS, RETURNS, PAGE):
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
            if (unfinished / name).exists():
                (unfinished / name).replace(folder / name)
        flush_folder(folder)
    except OSError as error:
        raise OSError(
            error.errno, error.strerror or str(error), f"the report in {folder}"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _content(section: ReportSection, samples: Sequence[CostSample]) -> SectionContent:
    analysis = analyse(section, samples)
    return SectionContent(
        analysis,
        section_figures(analysis),
        section_claims(analysis),
        expectation_checks(analysis),
    )


def _part_counter(
    parts: int, report: Callable[[int, int], None] | None
) -> Callable[[_Part], _Part]:
    """Return a function that returns its argument, and reports that one more part is finished."""
    finished = itertools.count(1)

    def count_part(part: _Part) -> _Part:
        if report is not None:
            report(next(finished), parts)
        return part

    return count_part


def _draw(folder: Path, content: SectionContent) -> None:
    for figure in content.figures:
        drawing.png(figure, folder / f"{figure.name}.png")


def _page(folder: Path, contents: Sequence[SectionContent], skipped: Sequence[SkippedRun]) -> str:
    environment = Environment(
        loader=PackageLoader("ddpg.comparison.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "count": count,
        "panel": lambda figure, index, place="": Markup(
            drawing.svg(figure.panels[index], f"{_identifier(figure)}-{index}{place}")
        ),
        "swatch": lambda style: Markup(drawing.swatch(style)),
    }
    environment.filters |= {
        "kib": lambda size: f"{size / 1024:,.0f} KiB",
    }
    style = files("ddpg.comparison.report").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.j2").render(
        name=folder.resolve().name,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(style),
        contents=contents,
        sides=sides([(content.analysis, content.figures[0]) for content in contents]),
        skipped=skipped,
        modules=_MODULES,
        final_evaluations=FINAL_EVALUATIONS,
        repetitions=REPETITIONS,
        colours=COLOURS,
        dark_colours=DARK_COLOURS,
    )


def _identifier(figure: ReportFigure) -> str:
    return "".join(char if char.isalnum() else "-" for char in figure.name)
