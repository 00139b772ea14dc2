"""Reasons are kept as they were written, in English; here they are read as one of the known sentences and its values,
and said in the reader's language. What is no known sentence is shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from django.utils.translation import get_language, gettext

from saliency_core.datasets.archive_formats import REFUSALS
from webapp.reasons.sentences import SENTENCES

PLACEHOLDER = re.compile(r"\{(\w+)\}|%\((\w+)\)[sd]")
# Longer ones are a library's own report; it would take long to look for sentences in them.
MOST_CHARACTERS = 4000
DEEPEST = 4


@dataclass(frozen=True)
class _Sentence:
    """What stands between the placeholders, and their names: one more piece than names."""

    text: str
    pieces: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def weight(self) -> int:
        return sum(map(len, self.pieces))

    def values_in(self, text: str) -> dict[str, str] | None:
        """What stands in the places of the placeholders, if the text is this sentence."""
        first, *others = self.pieces
        if not others:
            return {} if text == first else None
        last = others.pop()
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return None
        values, at, end = {}, len(first), len(text) - len(last)
        for name, piece in zip(self.names, others, strict=False):
            found = text.find(piece, at, end)
            if found < 0:
                return None
            values[name], at = text[at:found], found + len(piece)
        return values | {self.names[-1]: text[at:end]}


def shown_reason(text: str) -> str:
    """The reason in the language that is being spoken."""
    language = get_language() or "en"
    if not text or language.startswith("en") or len(text) > MOST_CHARACTERS:
        return text
    return _shown(text, language)


@lru_cache(maxsize=4096)
def _shown(text: str, language: str) -> str:
    return "\n".join(_line(line, DEEPEST) for line in text.split("\n"))


def _line(text: str, depth: int) -> str:
    """One or several sentences, or a part of one."""
    if depth == 0 or not text.strip():
        return text
    # Of a list every part is a sentence; otherwise one of them would take the others for its values.
    parts = [_sentence(part, depth) for part in text.split("; ")]
    if len(parts) > 1 and all(parts):
        return "；".join(map(str, parts))
    whole = _sentence(text, depth)
    if whole is not None:
        return whole
    for end in re.finditer(r"(?<=[.?]) ", text):
        first = _sentence(text[: end.start()], depth)
        if first is not None:
            return first + _line(text[end.end() :], depth)
    return text


def _sentence(text: str, depth: int) -> str | None:
    for sentence in _sentences():
        values = sentence.values_in(text)
        if values is not None:
            shown = {name: _line(value, depth - 1) for name, value in values.items()}
            return _filled(gettext(sentence.text), shown)
    return None


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found[1] or found[2]], text)


@lru_cache(maxsize=1)
def _sentences() -> tuple[_Sentence, ...]:
    """Those that begin with words of their own first, which a value at the beginning of another one would take in
    ("Not kept: a.png" is no file's name); then those that say most, as they are the least likely to be another
    one's values.
    """
    found = []
    for text in dict.fromkeys([*SENTENCES, *REFUSALS.values()]):
        names = tuple(match[1] or match[2] for match in PLACEHOLDER.finditer(text))
        found.append(_Sentence(text, tuple(PLACEHOLDER.sub("\0", text).split("\0")), names))
    return tuple(sorted(found, key=lambda sentence: (not sentence.pieces[0], -sentence.weight)))
