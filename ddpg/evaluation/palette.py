"""Colours and dashes of every picture of curves."""

from typing import Any, Literal

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
CATEGORIES = len(DASHES)
"""Number of styles that differ in kind; the shades follow them."""
SHADES = 6
"""Number of shades of each kind of dose, from the smallest leak to the largest."""


def _shades(first: str, last: str) -> list[str]:
    """Return colours in equal steps from `first` to `last`."""
    ends = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in (first, last)]
    fractions = [n / (SHADES - 1) for n in range(SHADES)]
    return [
        "#" + "".join(f"{round(a + (b - a) * each):02x}" for a, b in zip(*ends, strict=True))
        for each in fractions
    ]


# Purple: `manual_scale`. Green: `manual_every`. On a dark page the strongest is the brightest.
COLOURS += _shades("#c39ad6", "#3f1263") + _shades("#86bd8e", "#0a4526")
DARK_COLOURS += _shades("#76508f", "#f0d9ff") + _shades("#3f7a55", "#c9f7d4")
DASHES += [()] * SHADES + [(5, 1.2)] * SHADES


def dose_style(kind: Literal["scale", "every"], rank: int, count: int) -> int:
    """Return the style of the leak of `rank` among `count` leaks, in ascending order."""
    first = CATEGORIES + (SHADES if kind == "every" else 0)
    return first + (round((SHADES - 1) * rank / (count - 1)) if count > 1 else SHADES - 1)


INK, RULE = "#1f2328", "#d0d7df"
MATPLOTLIB_STYLE: Any = {
    "font.size": 10,
    # A name of a run or environment may have dollar signs.
    "text.parse_math": False,
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
