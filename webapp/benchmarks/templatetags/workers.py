"""Memory as text, and what workers are at."""

from __future__ import annotations

from django import template

from webapp.benchmarks.queue import work_text

register = template.Library()


@register.filter
def gibibytes(number: int | None) -> str:
    """Bytes in GiB with one decimal: 1.5."""
    return "–" if number is None or number == "" else f"{number / 2**30:.1f}"


@register.filter
def as_work(activity: str) -> str:
    """A worker's own words in the reader's language."""
    return work_text(activity)
