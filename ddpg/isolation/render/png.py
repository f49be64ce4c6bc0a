"""Matrix of a report as a PNG picture, drawn with Pillow."""

import io
from functools import cache, lru_cache

from PIL import Image, ImageColor, ImageDraw, ImageFont

from ..results import Grade
from .matrix import Field, Matrix

_LABEL, _CELL, _ROW, _LINE = 190, 246, 92, 40
"""Widths of the two kinds of columns, heights of a module's row and of a line of text: pixels."""
_FONT_SIZE = 20
_WHITE, _BLACK, _GREY = "#ffffff", "#000000", "#767676"
_FILLS = {"leaked": "#d55e00", "starved": "#f0e442", "moved_by_other": "#cc79a7"}
_KEPT_FILLS = {Grade.MOVED: "#009e73", Grade.NONZERO: "#56b4e9", Grade.ZERO: "#56b4e9"}
"""Okabe and Ito's colours, distinct for any colour vision, and light enough for black text."""
_PALETTE = (_WHITE, _BLACK, _GREY, *_FILLS.values(), *dict.fromkeys(_KEPT_FILLS.values()))
"""Few colours: four bits per pixel."""


def to_png(matrix: Matrix, caption: str) -> bytes:
    """Return the matrix with one row per module and one column per update.

    It is narrow, since TensorBoard shows pictures about 340 pixels wide, at half of this size.
    """
    size = (_LABEL + len(matrix.rows) * _CELL, len(matrix.modules) * _ROW + 2 * _LINE)
    picture = _blank(size)
    for row, module in enumerate(matrix.modules):
        picture.paste(_label(module, _LABEL), (0, _LINE + row * _ROW))
    for column, (update, fields) in enumerate(matrix.rows.items()):
        left = _LABEL + column * _CELL
        picture.paste(_label(update.replace("_", " "), _CELL), (left, 0))
        for row, field in enumerate(fields):
            picture.paste(_box(field), (left, _LINE + row * _ROW))
    picture.paste(_label(caption, size[0]), (0, size[1] - _LINE))
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


@lru_cache(maxsize=64)
def _box(field: Field) -> Image.Image:
    """Return the texts of a cell in a box."""
    box = _blank((_CELL, _ROW))
    draw = ImageDraw.Draw(box)
    fill = _FILLS.get(field.kind) or _KEPT_FILLS.get(field.grade, _WHITE)
    draw.rectangle((0, 0, _CELL - 3, _ROW - 3), _PALETTE.index(fill), _PALETTE.index(_GREY))
    grade, *norms = field.lines
    _write(draw, "\n".join([f"{field.verdict}: {grade}", *norms]))
    return box


@lru_cache(maxsize=64)
def _label(text: str, width: int) -> Image.Image:
    label = _blank((width, _LINE))
    _write(ImageDraw.Draw(label), text)
    return label


def _blank(size: tuple[int, int]) -> Image.Image:
    """Return white paper."""
    paper = Image.new("P", size, _PALETTE.index(_WHITE))
    paper.putpalette([channel for each in _PALETTE for channel in ImageColor.getrgb(each)])
    return paper


def _write(draw: ImageDraw.ImageDraw, text: str) -> None:
    # Letters without grey edges: the picture is shown at half of its size, which smooths them.
    draw.fontmode = "1"
    draw.multiline_text((10, 6), text, _PALETTE.index(_BLACK), _font(), spacing=4)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_SIZE)
