"""Data of the report's figures: panels of lines over environment steps, and of dots."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.statistics import Band, Estimate
from ddpg.evaluation.palette import CATEGORIES

LINE_STYLES = CATEGORIES
"""Number of distinguishable lines; a figure with more is split."""

FigureKind = Literal["returns", "scores", "gradients", "values", "cost"]
"""Content of a figure, which decides its place on the page."""


@dataclass(frozen=True)
class Line:
    """One curve of a panel."""

    label: str
    style: int
    """Colour and dashes: an index of `ddpg.evaluation.palette`; 0 is the control."""
    band: Band
    metric: str
    """Tag of the values."""
    variants: tuple[str, ...]
    """Labels of the variants with this line."""
    members: NDArray[np.float64] | None = None
    """Curve of each member, drawn thin, `[member, point]`."""


@dataclass(frozen=True)
class LinePanel:
    """Axes with lines over environment steps."""

    title: str
    y_label: str
    lines: tuple[Line, ...]
    logarithmic: bool = False
    y_limits: tuple[float | None, float | None] = (None, None)
    """None: derived from the lines."""


@dataclass(frozen=True)
class Dot:
    """One row of a dot panel."""

    label: str
    style: int
    estimate: Estimate


@dataclass(frozen=True)
class DotPanel:
    """Axes with one estimate and its interval per row."""

    title: str
    x_label: str
    dots: tuple[Dot, ...]
    reference: float | None = None
    """Position of a vertical line."""
    x_limits: tuple[float | None, float | None] = (None, None)
    """None: derived from the estimates."""


@dataclass(frozen=True)
class ReportFigure:
    """Panels under one legend."""

    name: str
    """Name of the PNG without its suffix."""
    kind: FigureKind
    title: str
    heading: str
    """Title for a place that already names the section."""
    caption: str
    panels: tuple[LinePanel | DotPanel, ...]

    @property
    def lines(self) -> list[Line]:
        """Lines of all panels."""
        panels = [panel for panel in self.panels if isinstance(panel, LinePanel)]
        return [line for panel in panels for line in panel.lines]

    @property
    def legend(self) -> list[tuple[str, int]]:
        """Distinct labels of all lines with their styles."""
        return list(dict.fromkeys((line.label, line.style) for line in self.lines))
