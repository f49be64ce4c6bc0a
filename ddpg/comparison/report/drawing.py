"""Drawing of figures with Matplotlib: SVG in the page's colours, and PNG."""

import io
import re
import textwrap
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from ddpg.comparison.report.panels import DotPanel, LinePanel, ReportFigure
from ddpg.comparison.report.statistics import Estimate
from ddpg.evaluation.palette import COLOURS, DASHES, INK, MATPLOTLIB_STYLE, RULE, line_style

_NAMES = {INK: "--ink", RULE: "--rule"} | {
    colour: f"--line-{index}" for index, colour in enumerate(COLOURS)
}
_STYLE: Any = {**MATPLOTLIB_STYLE, "svg.fonttype": "none", "svg.hashsalt": "ddpg"}

# Inches. A panel is as wide as a phone shows with readable text. Positions are computed here, since
# Matplotlib's automatic layout takes as long as the rest of a report.
_WIDTH, _HEIGHT, _ROW = 4.6, 2.9, 0.36
_LEFT, _LEFT_OF_DOTS, _RIGHT, _BOTTOM, _TOP = 0.87, 1.85, 0.25, 0.5, 0.34
_LEGEND_ROW, _HEAD = 0.21, 0.4
_TITLE = 44
"""Characters of a title in its usual size; a longer one is smaller."""
_POINTS = 60
"""Most points of a line that show their value under the pointer."""


def svg(panel: LinePanel | DotPanel, identifier: str) -> str:
    """Draw one panel as an `<svg>` element whose ids begin with `identifier`."""
    with matplotlib.rc_context(_STYLE):
        canvas = Figure(figsize=(_WIDTH, _height(panel)))
        axes = _axes(canvas, panel, 0, 0)
        _draw(axes, panel)
        text = io.StringIO()
        canvas.savefig(text, format="svg", transparent=True, metadata={"Date": None})
        points = _points(axes, panel)
    element = text.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{identifier}-", element)
    element = re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 system-ui, sans-serif", element)
    for colour, name in _NAMES.items():
        element = element.replace(colour, f"var({name})")
    element = re.sub(r' (width|height)="[\d.]+pt"', "", element, count=2)
    element = element.replace("</svg>", f'<g class="points">{points}</g></svg>')
    return element.replace("<svg ", f'<svg style="max-width: {72 * _WIDTH:g}pt" ', 1)


def png(figure: ReportFigure, path: Path) -> None:
    """Draw all panels of a figure into one file, with the legend below them."""
    columns = min(len(figure.panels), 3)
    rows = [
        figure.panels[first : first + columns] for first in range(0, len(figure.panels), columns)
    ]
    width = max(_WIDTH * columns, 1.5 * _WIDTH)
    legend = [(textwrap.fill(label, int(13 * width)), style) for label, style in figure.legend]
    lines = sum(label.count("\n") + 1 for label, _ in legend) if len(legend) > 1 else 0
    heights = [max(_height(panel) for panel in row) for row in rows]
    with matplotlib.rc_context(_STYLE):
        canvas = Figure(
            figsize=(width, sum(heights) + _HEAD + _LEGEND_ROW * lines + 0.15 * (lines > 0))
        )
        canvas.text(
            *(0.15 / width, 1 - 0.13 / canvas.get_figheight(), figure.title),
            size=11,
            weight="bold",
            verticalalignment="top",
        )
        top = _HEAD
        for row, height in zip(rows, heights, strict=True):
            for x, panel in enumerate(row):
                _draw(_axes(canvas, panel, x * _WIDTH, top), panel)
            top += height
        if lines:
            canvas.legend(
                [_handle(style) for _, style in legend],
                [label for label, _ in legend],
                loc="lower left",
                frameon=False,
                handlelength=3.5,
            )
        canvas.savefig(path, dpi=110, metadata={"Software": None})


def swatch(style: int) -> str:
    """Draw the line of a legend as a small `<svg>` element."""
    dashes = " ".join(f"{2.5 * length:g}" for length in DASHES[style]) or "none"
    line = f"stroke: var(--line-{style}); stroke-width: 2.5; stroke-dasharray: {dashes}"
    return (
        '<svg class="swatch" viewBox="0 0 36 8" aria-hidden="true">'
        f'<path d="M0 4H36" style="{line}"/></svg>'
    )


def _height(panel: LinePanel | DotPanel) -> float:
    if isinstance(panel, LinePanel):
        return _HEIGHT
    return _TOP + _BOTTOM + _ROW * max(len(panel.dots), 1)


def _axes(canvas: Figure, panel: LinePanel | DotPanel, x: float, top: float) -> Axes:
    """Add axes for `panel`, whose upper left corner is at (`x`, `top`) inches of the canvas."""
    width, height = canvas.get_figwidth(), canvas.get_figheight()
    left = _LEFT if isinstance(panel, LinePanel) else _LEFT_OF_DOTS
    panel_height = _height(panel)
    return canvas.add_axes(
        (
            (x + left) / width,
            1 - (top + panel_height - _BOTTOM) / height,
            (_WIDTH - left - _RIGHT) / width,
            (panel_height - _BOTTOM - _TOP) / height,
        )
    )


def _handle(style: int) -> Line2D:
    return Line2D([], [], color=COLOURS[style], linestyle=line_style(style), linewidth=2)


def _draw(axes: Axes, panel: LinePanel | DotPanel) -> None:
    title = textwrap.shorten(panel.title, 2 * _TITLE, placeholder=" …")
    size = 10 * min(1, _TITLE / len(title))
    axes.set_title(title, loc="left", x=0 if isinstance(panel, LinePanel) else -0.6, size=size)
    if isinstance(panel, LinePanel):
        _draw_lines(axes, panel)
    else:
        _draw_dots(axes, panel)


def _points(axes: Axes, panel: LinePanel | DotPanel) -> str:
    """Return an invisible circle per point, whose title is the value that the pointer shows."""
    texts: list[tuple[float, float, str]] = []
    if isinstance(panel, DotPanel):
        for y, dot in enumerate(panel.dots):
            texts.append((dot.estimate.value, y, f"{dot.label}: {dot.estimate}"))
    else:
        for line in panel.lines:
            steps, values, low, high, members = line.band
            for i in range(0, len(steps), -(-len(steps) // _POINTS) or 1):
                estimate = Estimate(float(values[i]), float(low[i]), float(high[i]), members)
                text = f"{line.label}\n{steps[i]:,} steps: {estimate}, members: {members}"
                texts.append((steps[i], values[i], text))
    (left, right), (bottom, top) = sorted(axes.get_xlim()), sorted(axes.get_ylim())
    circles = []
    for x, y, text in texts:
        if left <= x <= right and bottom <= y <= top:
            across, up = axes.transData.transform((x, y)) * 72 / axes.figure.dpi
            place = f'cx="{across:.1f}" cy="{72 * _height(panel) - up:.1f}"'
            circles.append(f'<circle {place} r="7"><title>{escape(text)}</title></circle>')
    return "".join(circles)


def _draw_lines(axes: Axes, panel: LinePanel) -> None:
    for line in panel.lines:
        colour = COLOURS[line.style]
        steps, value, low, high, _ = line.band
        if line.members is not None:
            axes.plot(steps, line.members.T, color=colour, alpha=0.45, linewidth=0.8)
        axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(
            *(steps, value),
            color=colour,
            linestyle=line_style(line.style),
            linewidth=1.9,
            marker="o" if len(steps) == 1 else None,
        )
    if panel.logarithmic:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        narrow = high < 50 * low
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=8))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(*panel.y_limits)
    axes.set_xlabel("environment steps")
    axes.set_ylabel(panel.y_label)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _draw_dots(axes: Axes, panel: DotPanel) -> None:
    for y, dot in enumerate(panel.dots):
        colour = COLOURS[dot.style]
        value, low, high, _ = dot.estimate
        axes.plot([low, high], [y, y], color=colour, linewidth=2.4, solid_capstyle="butt")
        axes.plot(value, y, color=colour, marker="o", markersize=6)
    if panel.reference is not None:
        axes.axvline(panel.reference, color=INK, linewidth=1, linestyle=":")
    labels = _wrap([dot.label for dot in panel.dots])
    size = 8 if any(label.count("\n") > 1 for label in labels) else 9
    axes.set_yticks(range(len(panel.dots)), labels, size=size, linespacing=1.0)
    axes.set_ylim(len(panel.dots) - 0.5, -0.5)
    axes.set_xlim(*panel.x_limits)
    axes.set_xlabel(panel.x_label)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _wrap(labels: Sequence[str]) -> list[str]:
    return ["\n".join(textwrap.wrap(label, 25, max_lines=3, placeholder=" …")) for label in labels]
