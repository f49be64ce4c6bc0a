"""What is drawn, as data: lines with bands over environment steps, and dots with intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ddpg.comparison.report.statistics import Band, Estimate

LINE_STYLES = 8
"""How many lines can be told apart; a picture with more is split."""


@dataclass(frozen=True)
class Line:
    """One curve."""

    label: str
    style: int
    """Colour and dashes, from 0 up to `LINE_STYLES`; 0 is the control."""
    band: Band
    metric: str
    """Tag of what is drawn."""
    variants: tuple[str, ...]
    """Labels of the variants whose line it is."""
    members: NDArray[np.float64] | None = None
    """`[member, point]`: each member's own, drawn thin."""


@dataclass(frozen=True)
class Panel:
    """One set of axes with lines over environment steps."""

    title: str
    y_label: str
    lines: tuple[Line, ...]
    logarithmic: bool = False
    y_limits: tuple[float | None, float | None] = (None, None)
    """None: by the lines."""


@dataclass(frozen=True)
class Dot:
    """One row of a `Dots`."""

    label: str
    style: int
    estimate: Estimate


@dataclass(frozen=True)
class Dots:
    """One set of axes with a figure and its interval in each row."""

    title: str
    x_label: str
    dots: tuple[Dot, ...]
    reference: float | None = None
    """Where a vertical line stands."""
    x_limits: tuple[float | None, float | None] = (None, None)
    """None: by the figures."""


@dataclass(frozen=True)
class Picture:
    """Panels that belong together, under one legend."""

    name: str
    """Of the PNG, without its ending."""
    kind: str
    """Where the page puts it."""
    title: str
    heading: str
    """The title where the section is known."""
    caption: str
    panels: tuple[Panel | Dots, ...]

    @property
    def lines(self) -> list[Line]:
        """Of all its panels."""
        return [line for panel in self.panels if isinstance(panel, Panel) for line in panel.lines]

    @property
    def legend(self) -> list[tuple[str, int]]:
        """Labels and styles of all lines, each once."""
        return list(dict.fromkeys((line.label, line.style) for line in self.lines))
