"""`report.html`, its pictures and its numbers, from the runs of a folder."""

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ddpg.comparison.report import claims as words
from ddpg.comparison.report import drawing
from ddpg.comparison.report.analysis import Analysis, analyse
from ddpg.comparison.report.cost import Cost, read_cost
from ddpg.comparison.report.figures import pictures
from ddpg.comparison.report.panels import Picture
from ddpg.comparison.report.reading import PICTURES, SUMMARY, Broken, read_folder
from ddpg.comparison.report.statistics import FINAL_EVALUATIONS
from ddpg.comparison.report.summary_runs import write_summary_runs
from ddpg.comparison.report.tables import Figure, Return, figures, returns, write_table
from ddpg.comparison.report.variants import Section, sections
from ddpg.evaluation.confidence import REPETITIONS
from ddpg.runs.files import flush_folder, flush_tree

PAGE = "report.html"
FIGURES = "figures.csv"
RETURNS = "returns.csv"
_MODULES = ("critic", "actor", "critic_target", "actor_target")


class Part(NamedTuple):
    """A section with everything that its page shows."""

    analysis: Analysis
    pictures: list[Picture]
    claims: list[words.Claim]
    findings: list[words.Finding]


def write_report(folder: Path) -> Path:
    """Read every run in `folder` and write `report.html`, its pictures, tables and TensorBoard.

    Nothing else in the folder is read than each run's `config.yaml` and `metrics.csv`, and
    `cost.csv`. What an earlier report wrote is replaced. The same runs give the same figures.

    Returns:
        The page.

    Raises:
        ConfigError: there is no such folder, or no run in it.
        OSError: it cannot be written; what an earlier report wrote is still there.
    """
    runs, broken = read_folder(folder)
    found, doubled = sections(runs)
    costs = read_cost(folder)
    parts = [_part(section, costs) for section in found]
    page = _page(folder, parts, [*broken, *doubled])
    rows = [row for part in parts for row in figures(part.analysis, part.pictures)]
    with _whole_report(folder) as unfinished:
        _draw(unfinished / PICTURES, parts)
        write_table(Figure, rows, unfinished / FIGURES)
        curves = itertools.chain.from_iterable(map(returns, found))
        write_table(Return, curves, unfinished / RETURNS)
        write_summary_runs(unfinished, [part.analysis for part in parts])
        (unfinished / PAGE).write_text(page, encoding="utf-8")
    return folder / PAGE


@contextmanager
def _whole_report(folder: Path) -> Iterator[Path]:
    """Inside, where to write; after it, all of that is in `folder`, or nothing, if it failed.

    Raises:
        OSError: a file cannot be written.
    """
    unfinished = folder / ".report-unfinished"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        yield unfinished
        flush_tree(unfinished)
        for part in (PICTURES, SUMMARY, FIGURES, RETURNS, PAGE):
            if (folder / part).is_dir():
                shutil.rmtree(folder / part)
            if (unfinished / part).exists():
                (unfinished / part).replace(folder / part)
        flush_folder(folder)
    except OSError as error:
        raise OSError(
            error.errno, error.strerror or str(error), f"the report in {folder}"
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _part(section: Section, costs: list[Cost]) -> Part:
    analysis = analyse(section, costs)
    return Part(analysis, pictures(analysis), words.claims(analysis), words.findings(analysis))


def _draw(folder: Path, parts: list[Part]) -> None:
    folder.mkdir()
    for part in parts:
        for picture in part.pictures:
            drawing.png(picture, folder / f"{picture.name}.png")


def _page(folder: Path, parts: list[Part], broken: list[Broken]) -> str:
    environment = Environment(
        loader=PackageLoader("ddpg.comparison.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "count": words.count,
        "panel": lambda picture, index: Markup(
            drawing.svg(picture.panels[index], f"{_identifier(picture)}-{index}")
        ),
        "swatch": lambda style: Markup(drawing.swatch(style)),
    }
    environment.filters |= {
        "figure": lambda value: f"{value:.4g}",
        "kib": lambda b: f"{b / 1024:,.0f} KiB",
    }
    return environment.get_template("page.html.j2").render(
        name=folder.resolve().name,
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        style=Markup(
            files("ddpg.comparison.report").joinpath("page.css").read_text(encoding="utf-8")
        ),
        parts=parts,
        broken=broken,
        modules=_MODULES,
        final_evaluations=FINAL_EVALUATIONS,
        repetitions=REPETITIONS,
        colours=drawing.COLOURS,
        dark_colours=drawing.DARK_COLOURS,
    )


def _identifier(picture: Picture) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in picture.name)
