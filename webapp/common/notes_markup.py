"""Notes as HTML: paragraphs, lists, headings, code, emphasis and links of Markdown, and nothing that could do harm.

Everything is escaped first; only what is recognised afterwards becomes an element.
"""

from __future__ import annotations

import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

_FENCE = re.compile(r"^```")
_HEADING = re.compile(r"^#{1,6}\s+(.*)$")
_ITEM = re.compile(r"^\s*[-*+]\s+(.*)$")
_NUMBERED = re.compile(r"^\s*\d{1,4}[.)]\s+(.*)$")
_CODE = re.compile(r"(`[^`\n]+`)")
_ADDRESS = re.compile(
    r"\[([^\[\]]+)\]\((https?://[^\s()<>]+)\)|(?<![\w/])(https?://[^\s<>()]+[^\s<>().,;:!?])"
)
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])[*_](?=\S)([^*_]+?)(?<=\S)[*_](?![\w*])")


def render_notes(text: str) -> SafeString:
    """The notes as blocks of HTML; a line break within a paragraph stays one."""
    blocks: list[str] = []
    lines = text.replace("\r\n", "\n").split("\n")
    place = 0
    while place < len(lines):
        line = lines[place]
        heading = _HEADING.match(line)
        if not line.strip():
            place += 1
        elif _FENCE.match(line):
            end = next((at for at in range(place + 1, len(lines)) if _FENCE.match(lines[at])), len(lines))
            blocks.append(f"<pre><code>{escape(chr(10).join(lines[place + 1 : end]))}</code></pre>")
            place = end + 1
        elif heading:
            blocks.append(f'<p class="strong">{_inline(heading[1])}</p>')
            place += 1
        else:
            kind = next((each for each in (_ITEM, _NUMBERED) if each.match(line)), None)
            end = place + 1
            while end < len(lines) and _continues(lines[end], kind):
                end += 1
            blocks.append(_block(lines[place:end], kind))
            place = end
    return mark_safe("".join(blocks))  # noqa: S308  # each block is escaped where it is made


def _continues(line: str, kind: re.Pattern[str] | None) -> bool:
    if kind is not None:
        return bool(kind.match(line))
    special = (_FENCE, _HEADING, _ITEM, _NUMBERED)
    return bool(line.strip()) and not any(each.match(line) for each in special)


def _block(lines: list[str], kind: re.Pattern[str] | None) -> str:
    if kind is None:
        return f"<p>{'<br>'.join(map(_inline, lines))}</p>"
    items = "".join(f"<li>{_inline(kind.sub(_first_group, line))}</li>" for line in lines)
    tag = "ul" if kind is _ITEM else "ol"
    return f"<{tag}>{items}</{tag}>"


def _first_group(found: re.Match[str]) -> str:
    return found[1]


def _inline(text: str) -> str:
    parts = _CODE.split(text)
    return "".join(
        f"<code>{escape(part[1:-1])}</code>" if number % 2 else _links(part)
        for number, part in enumerate(parts)
    )


def _links(text: str) -> str:
    made, end = [], 0
    for found in _ADDRESS.finditer(text):
        made.append(_emphasised(text[end : found.start()]))
        address, shown = found[2] or found[3], found[1] or found[3]
        made.append(
            f'<a href="{escape(address)}" rel="noopener noreferrer nofollow">{_emphasised(shown)}</a>'
        )
        end = found.end()
    return "".join([*made, _emphasised(text[end:])])


def _emphasised(text: str) -> str:
    strong = _STRONG.sub(r"<strong>\1</strong>", str(escape(text)))
    return _EMPHASIS.sub(r"<em>\1</em>", strong)
