"""Figures of models as people read them."""

from __future__ import annotations

from django import template

register = template.Library()
MILLION = 1_000_000
MINUS = "−"


@register.filter
def millions(number: int) -> str:
    """How many numbers a network holds: 143.7 M · 5.72 M · 140 k."""
    if number >= MILLION:
        return f"{number / MILLION:.3g} M" if number < 100 * MILLION else f"{number / MILLION:.1f} M"
    return f"{number / 1000:.3g} k" if number >= 1000 else str(number)


@register.filter
def deviation(value: float | None) -> str:
    """A deviation with two significant digits, whatever its size: −1.6 · 0.00025 · 2.7·10⁻⁹."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 1e-4:
        return f"{value:.2g}".replace("-", MINUS)
    mantissa, exponent = f"{value:.1e}".split("e")
    raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}·10{raised}".replace("-", MINUS)
