"""Matrix of a report as a PNG picture, drawn with Pillow."""

import io
from functools import cache, lru_cache

from PIL import Image, ImageColor, ImageDraw, ImageFont

from ..results import Grade
from .matrix import Field, Matrix

_LABEL, _CELL, _ROW, _LINE = 78, 124, 45, 17
"""Widths of the two kinds of columns, heights of a module's row and of a line of text: pixels."""
_FONT_SIZE = 11
_WHITE, _GREY = "#ffffff", "#767676"
_FILLS = {"leaked": "#d55e00", "starved": "#f0e442", "moved_by_other": "#cc79a7"}
_KEPT_FILLS = {Grade.MOVED: "#009e73", Grade.NONZERO: "#56b4e9", Grade.ZERO: "#56b4e9"}
"""Okabe and Ito's colours, distinct for any colour vision, and light enough for black text."""
_SHADES = 6
"""Shades of each colour, for the edges of letters."""


def to_png(matrix: Matrix, caption: str) -> bytes:
    """Return the matrix with one row per module and one column per update.

    With four modules it is 215 pixels high, as a card of TensorBoard, which scales pictures by
    repeating and leaving out pixels.
    """
    width = _LABEL + len(matrix.rows) * _CELL
    picture = Image.new("P", (width, len(matrix.modules) * _ROW + 2 * _LINE + 1))
    picture.putpalette(_palette().getpalette() or [])
    for row, module in enumerate(matrix.modules):
        picture.paste(_tile(module, (_LABEL, _ROW)), (0, _LINE + row * _ROW))
    for column, (update, fields) in enumerate(matrix.rows.items()):
        left = _LABEL + column * _CELL
        picture.paste(_tile(update.replace("_", " "), (_CELL, _LINE)), (left, 0))
        for row, field in enumerate(fields):
            picture.paste(_box(field), (left, _LINE + row * _ROW))
    picture.paste(_tile(caption, (width, _LINE + 1)), (0, picture.height - _LINE - 1))
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def _box(field: Field) -> Image.Image:
    """Return the texts of a cell in a box."""
    fill = _FILLS.get(field.kind) or _KEPT_FILLS.get(field.grade, _WHITE)
    grade, *norms = field.lines
    return _tile("\n".join([f"{field.verdict}: {grade}", *norms]), (_CELL, _ROW), fill)


@lru_cache(maxsize=64)
def _tile(text: str, size: tuple[int, int], fill: str = "") -> Image.Image:
    """Return text on white paper, or in a box that is filled with a colour."""
    tile = Image.new("RGB", size, _WHITE)
    draw = ImageDraw.Draw(tile)
    if fill:
        draw.rectangle((0, 0, size[0] - 2, size[1] - 2), fill, _GREY)
    draw.multiline_text((4, 1), text, "#000000", _font(), spacing=2)
    return tile.quantize(palette=_palette(), dither=Image.Dither.NONE)


@cache
def _palette() -> Image.Image:
    """Return an image with the palette: it makes files small and drawing fast."""
    colours = [_WHITE, *_FILLS.values(), *dict.fromkeys(_KEPT_FILLS.values())]
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        [
            round(channel * (_SHADES - shade) / _SHADES)
            for colour in colours
            for shade in range(_SHADES + 1)
            for channel in ImageColor.getrgb(colour)
        ]
    )
    return palette


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_SIZE)
