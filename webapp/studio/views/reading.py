"""Reading what forms send."""

from __future__ import annotations

from collections.abc import Iterable

MOST_NUMBERS = 2000


def numbers_of(texts: Iterable[str]) -> list[int]:
    """The numbers of rows, one or several in a text with commas; whatever is no number is left out."""
    parts = [part.strip() for text in texts for part in text.split(",")]
    return [int(part) for part in parts if part.isascii() and part.isdecimal() and len(part) < 16][
        :MOST_NUMBERS
    ]
