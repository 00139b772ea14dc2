"""Docstrings of saliency_core, plain text with ``code`` and lists, as HTML in the reader's language.

Paragraphs, points of lists and equations are translated one by one: a changed sentence leaves the others' texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

_CODE = re.compile(r"``(.+?)``")


@dataclass(frozen=True)
class _Block:
    """Either an equation, its lines as they stand, or a paragraph and the points of the list below it."""

    equation: str = ""
    paragraph: str = ""
    points: tuple[str, ...] = ()


def as_html(text: str) -> SafeString:
    """Paragraphs, lists ("- …") and equations (indented lines); all of it is escaped."""
    return format_html_join("\n", "{}", [(_html(block),) for block in _blocks(text)])


def texts_of(text: str) -> Iterator[str]:
    """What translations are looked up by."""
    for block in _blocks(text):
        yield from filter(None, (block.equation, block.paragraph, *block.points))


def _blocks(text: str) -> Iterator[_Block]:
    for part in text.split("\n\n"):
        lines = part.split("\n")
        if not part.strip():
            continue
        if all(line.startswith("    ") for line in lines):
            yield _Block(equation="\n".join(line.strip() for line in lines))
            continue
        items: list[list[str]] = [[]]
        for line in lines:
            if line.startswith("- "):
                items.append([line[2:]])
            else:
                items[-1].append(line.strip())
        paragraph, *points = (" ".join(item) for item in items)
        yield _Block(paragraph=paragraph, points=tuple(points))


def _html(block: _Block) -> SafeString:
    if block.equation:
        return format_html('<pre class="help-equation">{}</pre>', _(block.equation))
    paragraph = format_html("<p>{}</p>", _inline(block.paragraph)) if block.paragraph else mark_safe("")
    if not block.points:
        return paragraph
    listed = format_html_join("", "<li>{}</li>", [(_inline(point),) for point in block.points])
    return format_html("{}<ul>{}</ul>", paragraph, listed)


def _inline(text: str) -> SafeString:
    return mark_safe(_CODE.sub(r"<code>\1</code>", escape(_(text))))  # noqa: S308
