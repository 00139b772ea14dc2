"""Parts of reports that tables and texts have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def neutralised(text: str) -> str:
    """The text with a leading ' where a spreadsheet would otherwise run it as a formula."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and text else text


def tree_lines(values: Mapping[str, Any], indent: int = 0) -> list[str]:
    """One line a value, nested mappings indented."""
    lines = []
    for key, value in values.items():
        title = f"{' ' * indent}{key}:"
        if isinstance(value, Mapping):
            lines += [title, *tree_lines(value, indent + 2)]
        else:
            text = ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
            lines.append(f"{title:<26} {text}")
    return lines
