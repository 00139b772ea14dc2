"""Many pictures on one sheet, each with its title under it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_GAP = 8
_LINES = 2  # of a title; what is longer is cut with an ellipsis
_PAPER, _INK = (255, 255, 255), (32, 32, 32)


def contact_sheet(
    tiles: Sequence[tuple[str, Image.Image]],
    columns: int | None = None,
    tile: int = 224,
    text_size: int = 13,
) -> Image.Image:
    """A white sheet of (title, picture) in reading order, each picture shrunk to fit ``tile`` × ``tile``.

    ``columns`` None: about one and a half times as many columns as rows. Raises ValueError without tiles.
    """
    if not tiles:
        raise ValueError("A contact sheet needs at least one picture.")
    columns = min(len(tiles), columns or max(1, math.ceil(math.sqrt(1.5 * len(tiles)))))
    rows = math.ceil(len(tiles) / columns)
    font = _font(text_size)
    line = text_size + 4
    cell = (tile + _GAP, tile + _LINES * line + _GAP)
    sheet = Image.new("RGB", (columns * cell[0] + _GAP, rows * cell[1] + _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (title, picture) in enumerate(tiles):
        left, top = _GAP + number % columns * cell[0], _GAP + number // columns * cell[1]
        shown = picture.convert("RGB")
        shown.thumbnail((tile, tile), Image.Resampling.LANCZOS)
        sheet.paste(shown, (left + (tile - shown.width) // 2, top + (tile - shown.height) // 2))
        for index, text in enumerate(_lines(title, font, tile)):
            width = font.getlength(text)
            draw.text((left + (tile - width) / 2, top + tile + 2 + index * line), text, _INK, font)
    return sheet


def _font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Pillow's own font lacks × and Greek letters."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)


def _lines(title: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """The title broken between words into at most _LINES lines no wider than ``width`` pixels."""
    lines: list[str] = []
    for word in title.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], " ".join(lines[_LINES - 1 :])]
    for index, text in enumerate(lines):
        while len(text) > 1 and font.getlength(text) > width:
            text = text.rstrip("…")[:-1] + "…"
        lines[index] = text
    return lines
