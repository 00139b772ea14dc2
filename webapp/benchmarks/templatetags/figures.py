"""Figures as text: fixed decimals, so that columns line up; a dash where there is no figure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from saliency_core.experiments.base import experiment_description
from saliency_core.output.numbers import p_text, shown, sign
from webapp.benchmarks.figures import Headline
from webapp.benchmarks.figures import headline as find_headline
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark
from webapp.common.notes_markup import render_notes
from webapp.reasons.showing import shown_reason

register = template.Library()

NONE = "–"
# What a template hands to a filter where there is no value: None, or an empty text for an unknown key.
ABSENT = (None, "")
_THREADS = re.compile(r", (\d{1,6}) threads?\b")


@register.filter
def percent(value: float | None, digits: int = 2) -> str:
    """0.55194 as 55.19; the unit stands in the column's head."""
    return NONE if value in ABSENT else f"{100 * value:.{digits}f}".replace("-", "−")


@register.filter
def in_unit(value: float | None, unit: str) -> str:
    """A figure's value in its unit, which stands in the column's head."""
    return NONE if value in ABSENT else shown(value, unit).replace("-", "−")


@register.filter
def signed_in_unit(value: float | None, unit: str) -> str:
    """A difference with its sign."""
    text = in_unit(value, unit)
    return f"+{text}" if value not in ABSENT and value > 0 else text


@register.filter
def ends_in_unit(interval: dict[str, Any] | None, unit: str) -> str:
    """The ends of an interval in the unit, "[54.01, 56.37]"; empty where there is none."""
    if not interval or interval.get("low") is None:
        return ""
    return f"[{in_unit(interval['low'], unit)}, {in_unit(interval['high'], unit)}]"


@register.filter
def half_width(interval: dict[str, Any] | None, unit: str = "percent") -> str:
    """Half the width of an interval in the unit, "± 1.18"; empty where there is none."""
    if not interval or interval.get("low") is None:
        return ""
    return f"± {shown((interval['high'] - interval['low']) / 2, unit)}"


@register.filter
def unit_sign(unit: str) -> str:
    """The unit as the head of a column shows it: "%", "s"."""
    return sign(unit)


@register.filter
def p_value(p: float | None) -> str:
    return p_text(p)


@register.filter
def p_relation(p: float | None) -> str:
    """A p-value within a sentence: "= 0.034", "< 0.001"."""
    text = p_text(p)
    return text if text.startswith("<") else f"= {text}"


@register.filter
def better_end(better: str) -> str:
    """Which end of a figure is better, in words."""
    return {"higher": gettext("higher is better"), "lower": gettext("lower is better")}.get(better, "")


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
def pace(images_per_second: float | None) -> str:
    """How fast images are done: "57.1 images per second" or, where they are slow, "147 seconds per image"."""
    if images_per_second in ABSENT:
        return NONE
    if images_per_second < 1:
        return gettext("%(seconds)s seconds per image") % {"seconds": significant(1 / images_per_second)}
    return gettext("%(rate)s images per second") % {"rate": significant(images_per_second)}


@register.filter
def count(value: int | None) -> str:
    return NONE if value in ABSENT else f"{value:,}"


@register.filter
def product(factors: tuple[int, ...]) -> str:
    """Factors as they are multiplied: 26 × 513."""
    return " × ".join(f"{factor:,}" for factor in factors)


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
def device(name: str) -> str:
    """A device as saliency_core names it, its threads in the reader's language."""
    return _THREADS.sub(_threads, str(name))


def _threads(found: re.Match[str]) -> str:
    number = int(found[1])
    return ngettext(", %(number)d thread", ", %(number)d threads", number) % {"number": number}


@register.filter
def translated(text: str | None) -> str:
    """A text that a description of saliency_core carries, in the reader's language."""
    return gettext(text) if text else ""


@register.filter
def method_title(method: dict[str, Any]) -> str:
    """The name of a method of a specification, its enhancement included."""
    return title_of(method)


@register.filter
def item(values: list[Any], index: int) -> Any:
    return values[index]


@register.filter
def experiment_title(experiment: dict[str, Any]) -> str:
    """The name of an experiment of a specification."""
    return gettext(experiment_description(experiment["key"]).title)


@register.filter
def headline(benchmark: Benchmark) -> Headline | None:
    """The figure that stands for a benchmark in a list."""
    return find_headline(benchmark)


@register.simple_tag
def event_text(event: Any) -> str:
    """One line of a benchmark's log."""
    payload = event.payload
    images = {
        "first": payload.get("start", 0) + 1,
        "last": payload.get("stop", 0),
        "reason": shown_reason(payload.get("reason", "")),
    }
    texts = {
        "queued": gettext("Queued"),
        "started": gettext("Started"),
        "paused": gettext("Paused"),
        "resumed": gettext("Resumed"),
        "priority": gettext("Priority: %(priority)s") % {"priority": _priority_label(payload)},
        "cancelled": gettext("Cancelled"),
        "succeeded": gettext("Finished"),
        "figures": gettext("Figures computed"),
        "failed": gettext("Failed: %(problem)s") % {"problem": shown_reason(payload.get("problem", ""))},
        "shard_done": gettext("Images %(first)d to %(last)d done") % images,
        "shard_retried": gettext("Images %(first)d to %(last)d are tried again: %(reason)s") % images,
        "shard_set_aside": gettext(
            "Images %(first)d to %(last)d set aside after the last attempt: %(reason)s"
        )
        % images,
        "batch_halved": _halved_text(payload),
        "worker_trouble": gettext("%(worker)s can't work on it: %(reason)s")
        % {"worker": payload.get("worker", ""), "reason": payload.get("reason", "")},
    }
    return texts.get(event.kind, event.kind)


def _halved_text(payload: dict[str, Any]) -> str:
    if payload.get("of") == "maps":
        text = gettext("Memory ran out on %(device)s: %(to)s maps at once instead of %(from)s from here on")
    else:
        text = gettext("Memory ran out on %(device)s: batches of %(to)s instead of %(from)s from here on")
    values = {name: payload.get(name, "") for name in ("to", "from")}
    return text % {**values, "device": device(payload.get("device", ""))}


def _priority_label(payload: dict[str, Any]) -> str:
    name = payload.get("priority", "").upper()
    return str(Benchmark.Priority[name].label) if name in Benchmark.Priority.names else ""


@register.filter
def undo_numbers(tags: str) -> list[str]:
    """The benchmarks that a message offers to bring back, by its tags; none for other messages."""
    first, *numbers = tags.split() if tags else [""]
    return numbers if first == "undo" else []


@register.filter
def notes_html(text: str) -> str:
    """Notes as paragraphs, lists, code and links."""
    return render_notes(text)


@register.filter
def excerpt(text: str, length: int = 90) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
