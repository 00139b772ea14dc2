"""Marks of significance of several differences to one reference."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from saliency_core.statistics.multiple import holm

Key = TypeVar("Key", bound=Hashable)

_MARKS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def marked(pairs: Mapping[Key, Mapping[str, Any]]) -> dict[Key, dict[str, Any]]:
    """The pairs, each with `p` (Wilcoxon's, or the bootstrap's where single images have no value; adjusted by Holm's
    method over the pairs), the `test` that it is of, and `mark`.
    """
    adjusted = {test: holm([pair[test] for pair in pairs.values()]) for test in ("p_wilcoxon", "p_bootstrap")}
    found = {}
    for place, (key, pair) in enumerate(pairs.items()):
        test = "p_bootstrap" if pair["p_wilcoxon"] is None else "p_wilcoxon"
        p = None if pair[test] is None else float(adjusted[test][place])
        mark = next((mark for level, mark in _MARKS if p is not None and p < level), "")
        found[key] = {**pair, "p": p, "mark": mark, "test": test}
    return found
