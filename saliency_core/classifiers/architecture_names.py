"""The names of torchvision's and timm's architectures, searched without loading either.

They are kept in a file, made by tools/architecture_names.py from the pinned versions; a test compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

NAMES_FILE = Path(__file__).with_name("architecture_names.json")
LIBRARIES: tuple[str, ...] = ("torchvision", "timm")


@dataclass(frozen=True)
class ArchitectureName:
    """``name`` may carry timm's tag of a training, "vit_base_patch16_224.orig_in21k_ft_in1k"."""

    library: str
    name: str


@cache
def known_names() -> dict[str, frozenset[str]]:
    """All names by library."""
    listed: dict[str, list[str]] = json.loads(NAMES_FILE.read_text())
    return {library: frozenset(listed[library]) for library in LIBRARIES}


def search_names(words: str, libraries: Sequence[str] = LIBRARIES, limit: int = 40) -> list[ArchitectureName]:
    """The names that hold all ``words`` (parts of names, in any order), the best first, at most ``limit``.

    Exact names come first, then those that begin with the first word, shorter before longer ones. Where nothing
    holds them, the names that are spelt alike.
    """
    parts = words.lower().replace("-", "_").split()
    names = [ArchitectureName(library, name) for library in libraries for name in known_names()[library]]
    if not parts:
        return []
    found = [each for each in names if all(part in each.name.lower() for part in parts)]
    found.sort(
        key=lambda each: (
            each.name.lower() != parts[0],
            not each.name.lower().startswith(parts[0]),
            "." in each.name,
            len(each.name),
            each.name,
            each.library,
        )
    )
    if found:
        return found[:limit]
    alike = get_close_matches("_".join(parts), {each.name for each in names}, n=limit, cutoff=0.6)
    return [each for name in alike for each in sorted(names, key=str) if each.name == name][:limit]


def other_library(library: str, name: str) -> str | None:
    """Another library that knows a name which ``library`` does not; None if none does."""
    if name in known_names().get(library, frozenset()):
        return None
    return next((other for other in LIBRARIES if name in known_names()[other]), None)


def did_you_mean(library: str, name: str) -> list[str]:
    """Up to three similar names of ``library``, the most similar first."""
    return get_close_matches(name, sorted(known_names()[library]), n=3, cutoff=0.5)
