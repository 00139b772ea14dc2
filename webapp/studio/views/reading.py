"""Reading what forms send."""

from __future__ import annotations

from collections.abc import Iterable

from webapp.common.text import row_number

MOST_NUMBERS = 2000


def numbers_of(texts: Iterable[str]) -> list[int]:
    """The numbers of rows, one or several in a text with commas; whatever is no number is left out."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    return [number for part in parts if (number := row_number(part)) is not None][:MOST_NUMBERS]
