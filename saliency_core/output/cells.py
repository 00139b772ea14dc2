"""Text in the cells of tables that spreadsheets open."""

from __future__ import annotations

# The wide forms are taken for the plain ones by spreadsheets set to Chinese or Japanese.
_ACTIVE = tuple("=+-@\t\r\n＝＋－＠")


def neutralised(text: str) -> str:
    """The text with a leading ' where a spreadsheet would otherwise run it as a formula."""
    return f"'{text}" if text.lstrip(" ").startswith(_ACTIVE) else text
