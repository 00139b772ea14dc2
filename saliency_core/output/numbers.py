"""How values are written: scale, digits and units."""

from __future__ import annotations

from saliency_core.statistics.intervals import Interval

_DECIMALS = {"percent": 2, "seconds": 3, "megabytes": 1, "pixels": 1}
_SIGNS = {"percent": "%", "seconds": "s", "megabytes": "MB", "pixels": "px"}
MISSING = "–"


def scaled(value: float, unit: str) -> float:
    """The value in the unit that is shown: fractions become percent."""
    return 100 * value if unit == "percent" else value


def decimals(unit: str) -> int:
    return _DECIMALS.get(unit, 3)


def sign(unit: str) -> str:
    """The unit as a heading shows it: "%", "s"; empty for plain numbers."""
    return _SIGNS.get(unit, unit)


def shown(value: float | None, unit: str, digits: int | None = None) -> str:
    """The value as text, without its unit; never "-0.00"."""
    if value is None:
        return MISSING
    places = decimals(unit) if digits is None else digits
    text = f"{scaled(value, unit):.{places}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def shown_interval(interval: Interval, unit: str, digits: int | None = None) -> str:
    """Value and interval: "53.19 [52.80, 53.57]"."""
    value = shown(interval.value, unit, digits)
    if interval.low is None or interval.high is None:
        return value
    return f"{value} [{shown(interval.low, unit, digits)}, {shown(interval.high, unit, digits)}]"


def p_text(p: float | None) -> str:
    """A p-value: "0.034", "< 0.001"."""
    if p is None:
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
