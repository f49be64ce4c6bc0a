"""Panels drawn by Matplotlib: SVG for the page, whose colours are the page's, and PNG."""

import io
import re
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ddpg.comparison.panels import Dots, Panel, Picture

# Okabe and Ito's colours, which people with any colour vision tell apart, a shade darker where
# white paper needs it. The page has a second set for a dark ground, by the same names.
COLOURS = ["#c44e00", "#0072b2", "#00805c", "#a8558a", "#946c00", "#3a3f9e", "#5f5f5f", "#7a1f1f"]
DARK_COLOURS = [
    *("#ff9250", "#5bb4f0", "#3fcf9f", "#f0a3d0", "#f0c040", "#a9b0ff", "#b8b8b8", "#ff8f8f"),
]
DASHES = ["--", "-", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 1)), (0, (3, 3))]
_INK, _RULE = "#1f2328", "#d0d7df"
_NAMES = {_INK: "--ink", _RULE: "--rule"} | {
    colour: f"--line-{index}" for index, colour in enumerate(COLOURS)
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ddpg",
    "font.size": 10,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}
_WIDTH, _HEIGHT = 4.6, 3.0
"""Inches of a panel: on a phone it shrinks by a fifth, and its text stays readable."""


def svg(panel: Panel | Dots, identifier: str) -> str:
    """One panel as an `<svg>` element, whose ids begin with `identifier`."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(_WIDTH, _height(panel)), layout="constrained")
        _draw(axes, panel)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{identifier}-", drawn)
    drawn = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", drawn)
    for colour, name in _NAMES.items():
        drawn = drawn.replace(colour, f"var({name})")
    width = re.search(r'<svg[^>]* width="([\d.]+)pt"', drawn)
    assert width is not None, "Matplotlib says how wide its drawing is"
    drawn = re.sub(r' (width|height)="[\d.]+pt"', "", drawn, count=2)
    return drawn.replace("<svg ", f'<svg role="img" style="max-width: {width[1]}pt" ', 1)


def png(picture: Picture, path: Path) -> None:
    """All panels of a picture in one file, with the legend below."""
    panels = picture.panels
    columns = min(len(panels), 3)
    rows = [panels[first : first + columns] for first in range(0, len(panels), columns)]
    legend = [(textwrap.fill(label, 110), style) for label, style in picture.legend]
    lines = sum(label.count("\n") + 1 for label, _ in legend)
    heights = [max(_height(panel) for panel in row) for row in rows]
    with plt.rc_context(_STYLE):
        figure = plt.figure(
            figsize=(max(_WIDTH * columns, 6.5), sum(heights) + 0.2 * lines + 0.3),
            layout="constrained",
        )
        grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
        for y, row in enumerate(rows):
            for x, panel in enumerate(row):
                _draw(figure.add_subplot(grid[y, x]), panel)
        figure.suptitle(picture.title, fontsize=11, wrap=True)
        if len(legend) > 1:
            figure.legend(
                [_handle(style) for _, style in legend],
                [label for label, _ in legend],
                loc="outside lower left",
                frameon=False,
                handlelength=3.5,
            )
        figure.savefig(path, dpi=110, metadata={"Software": None})
        plt.close(figure)


def swatch(style: int) -> str:
    """The line of a legend as a small `<svg>`."""
    dashes = DASHES[style]
    pattern = {"-": "none", "--": "7 3", "-.": "8 3 2 3", ":": "2 2"}.get(
        dashes if isinstance(dashes, str) else "", ""
    ) or " ".join(str(2 * length) for length in dashes[1])
    return (
        '<svg class="swatch" viewBox="0 0 36 8" aria-hidden="true"><path d="M0 4H36" '
        f'stroke="var(--line-{style})" stroke-width="2.5" stroke-dasharray="{pattern}"/></svg>'
    )


def _height(panel: Panel | Dots) -> float:
    return _HEIGHT if isinstance(panel, Panel) else 1.1 + 0.36 * len(panel.dots)


def _handle(style: int) -> Line2D:
    return Line2D([], [], color=COLOURS[style], linestyle=DASHES[style], linewidth=2)


def _draw(axes: Axes, panel: Panel | Dots) -> None:
    axes.set_title(textwrap.fill(panel.title, 52), loc="left")
    if isinstance(panel, Panel):
        _draw_lines(axes, panel)
    else:
        _draw_dots(axes, panel)


def _draw_lines(axes: Axes, panel: Panel) -> None:
    for line in panel.lines:
        colour = COLOURS[line.style]
        steps, value, low, high, _ = line.band
        if line.members is not None:
            axes.plot(steps, line.members.T, color=colour, alpha=0.35, linewidth=0.8)
        axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
        marker = "o" if len(steps) == 1 else None
        axes.plot(
            *(steps, value),
            color=colour,
            linestyle=DASHES[line.style],
            linewidth=1.9,
            marker=marker,
        )
    if panel.logarithmic and any((line.band.value > 0).any() for line in panel.lines):
        axes.set_yscale("log")
    axes.set_xlabel("environment steps")
    axes.set_ylabel(panel.y_label)
    axes.ticklabel_format(axis="x", style="plain")
    axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))


def _draw_dots(axes: Axes, panel: Dots) -> None:
    for y, dot in enumerate(panel.dots):
        colour = COLOURS[dot.style]
        value, low, high, _ = dot.estimate
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(value, y, color=colour, marker="o", markersize=6)
    if panel.reference is not None:
        axes.axvline(panel.reference, color=_INK, linewidth=1, linestyle=":")
    labels = [
        textwrap.fill(textwrap.shorten(dot.label, 56, placeholder=" …"), 28) for dot in panel.dots
    ]
    axes.set_yticks(range(len(panel.dots)), labels)
    axes.set_ylim(len(panel.dots) - 0.5, -0.5)
    axes.set_xlabel(panel.x_label)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
