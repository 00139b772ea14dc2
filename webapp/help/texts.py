"""Docstrings of saliency_core, plain text with ``code`` and lists, as HTML."""

from __future__ import annotations

import re

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_CODE = re.compile(r"``(.+?)``")


def as_html(text: str) -> SafeString:
    """Paragraphs, lists ("- …") and equations (indented lines); all of it is escaped."""
    return format_html_join("\n", "{}", [(_block(block),) for block in text.split("\n\n") if block.strip()])


def _block(block: str) -> SafeString:
    lines = block.split("\n")
    if all(line.startswith("    ") for line in lines):
        return format_html('<pre class="help-equation">{}</pre>', "\n".join(line.strip() for line in lines))
    items: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("- "):
            items.append([line[2:]])
        else:
            items[-1].append(line.strip())
    start, points = items[0], items[1:]
    paragraph = format_html("<p>{}</p>", _inline(start)) if start else mark_safe("")
    if not points:
        return paragraph
    listed = format_html_join("", "<li>{}</li>", [(_inline(point),) for point in points])
    return format_html("{}<ul>{}</ul>", paragraph, listed)


def _inline(lines: list[str]) -> SafeString:
    escaped = escape(" ".join(lines))
    return mark_safe(_CODE.sub(r"<code>\1</code>", escaped))  # noqa: S308
