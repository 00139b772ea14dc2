"""Figures as text: fixed decimals, so that columns line up; a dash where there is no figure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import gettext

register = template.Library()

NONE = "–"
# What a template hands to a filter where there is no value: None, or an empty text for an unknown key.
ABSENT = (None, "")


@register.filter
def percent(value: float | None, digits: int = 2) -> str:
    """0.55194 as 55.19; the unit stands in the column's head."""
    return NONE if value in ABSENT else f"{100 * value:.{digits}f}".replace("-", "−")


@register.filter
def interval(figure: dict[str, Any] | None) -> str:
    """The ends of a figure's interval in percent, "[54.01, 56.37]"."""
    if not figure or figure.get("low") is None:
        return NONE
    return f"[{percent(figure['low'])}, {percent(figure['high'])}]"


@register.filter
def half_width(figure: dict[str, Any] | None) -> str:
    """Half the width of a figure's interval in percentage points, "± 1.18"."""
    if not figure or figure.get("low") is None:
        return ""
    return f"± {50 * (figure['high'] - figure['low']):.2f}"


@register.filter
def decimals(value: float | None, digits: int = 2) -> str:
    return NONE if value in ABSENT else f"{value:,.{digits}f}".replace("-", "−")


@register.filter
def significant(value: float | None) -> str:
    """A rate with three significant digits: 1,234 · 57.1 · 0.042."""
    if value in ABSENT:
        return NONE
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:#.3g}"


@register.filter
def count(value: int | None) -> str:
    return NONE if value in ABSENT else f"{value:,}"


@register.filter
def share(part: int | None, whole: int | None) -> int:
    """Whole percent of a part, never 100 before everything is there."""
    return int(100 * part / whole) if part and whole else 0


@register.filter
def duration(seconds: float | None) -> str:
    """A time span in at most two units: "45 s", "12 min 30 s", "3 h 12 min", "2 d 4 h"."""
    if seconds in ABSENT:
        return NONE
    whole = round(seconds)
    if whole < 1:
        return gettext("under 1 s")
    for size, smaller, text in (
        (86400, 3600, gettext("%(whole)d d %(rest)d h")),
        (3600, 60, gettext("%(whole)d h %(rest)d min")),
        (60, 1, gettext("%(whole)d min %(rest)d s")),
    ):
        if whole >= size:
            return text % {"whole": whole // size, "rest": whole % size // smaller}
    return gettext("%(seconds)d s") % {"seconds": whole}


@register.filter
def seconds_ago(moment: datetime | None) -> float | None:
    return None if moment is None else max(0.0, (timezone.now() - moment).total_seconds())


@register.filter
def short_hash(value: str | None) -> str:
    return value[:12] if value else NONE


@register.filter
def translated(text: str | None) -> str:
    """A text that a description of saliency_core carries, in the reader's language."""
    return gettext(text) if text else ""


@register.filter
def item(mapping: dict[str, Any] | None, key: Any) -> Any:
    """`mapping[key]`, or None: for keys that a template only knows by a variable."""
    return mapping.get(key) if mapping else None


@register.filter
def method_colour(key: str) -> str:
    """The custom property with a method's colour; the same for a method wherever it appears."""
    order = (
        "grad_cam",
        "grad_cam_plus_plus",
        "score_cam",
        "ss_cam",
        "group_cam",
        "msg_cam",
        "rise",
        "ablation_cam",
    )
    place = order.index(key) if key in order else sum(key.encode()) % len(order)
    return f"--method-{place + 1}"


@register.simple_tag
def event_text(event: Any) -> str:
    """One line of a benchmark's log."""
    payload = event.payload
    images = {
        "first": payload.get("start", 0) + 1,
        "last": payload.get("stop", 0),
        "reason": payload.get("reason", ""),
    }
    texts = {
        "queued": gettext("Queued"),
        "started": gettext("Started"),
        "resumed": gettext("Resumed"),
        "cancelled": gettext("Cancelled"),
        "succeeded": gettext("Finished"),
        "figures": gettext("Figures computed"),
        "failed": gettext("Failed: %(problem)s") % {"problem": payload.get("problem", "")},
        "shard_done": gettext("Images %(first)d to %(last)d done") % images,
        "shard_retried": gettext("Images %(first)d to %(last)d are tried again: %(reason)s") % images,
        "shard_set_aside": gettext(
            "Images %(first)d to %(last)d set aside after the last attempt: %(reason)s"
        )
        % images,
    }
    return texts.get(event.kind, event.kind)
