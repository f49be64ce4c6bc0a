"""Colours and dashes of every picture of curves."""

from typing import Any

# Okabe and Ito's colours, which are distinct for any colour vision, darkened for white paper. The
# page has a second set, with the same names, for a dark background.
COLOURS = ["#c44e00", "#0072b2", "#00805c", "#a8558a", "#946c00", "#3a3f9e", "#5f5f5f", "#7a1f1f"]
DARK_COLOURS = [
    *("#ff9250", "#5bb4f0", "#3fcf9f", "#f0a3d0", "#f0c040", "#a9b0ff", "#b8b8b8", "#ff8f8f"),
]
DASHES: list[tuple[float, ...]] = [
    *((4, 1.6), (), (6, 1.5, 1, 1.5), (1, 1.3), (5, 1, 1, 1, 1, 1), (9, 2), (2, 2), (3, 1, 3, 3)),
]
"""Lengths of dashes and gaps in line widths, by style."""
INK, RULE = "#1f2328", "#d0d7df"
MATPLOTLIB_STYLE: Any = {
    "font.size": 10,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
}


def line_style(style: int) -> Any:
    """Return the dashes of a style as Matplotlib's `linestyle`."""
    return (0, DASHES[style]) if DASHES[style] else "-"
