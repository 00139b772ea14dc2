"""Memory as text."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def gibibytes(number: int | None) -> str:
    """Bytes in GiB with one decimal: 1.5."""
    return "–" if number is None or number == "" else f"{number / 2**30:.1f}"
