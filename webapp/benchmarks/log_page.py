"""A page of a benchmark's log, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.benchmarks.models import Benchmark, BenchmarkEvent
from webapp.common.text import row_number

EVENTS_SHOWN = 50


@dataclass(frozen=True)
class LogPage:
    """`older`: what `?log=` has to be for the next page, None on the last; `is_newest`: it goes on as events come."""

    events: list[BenchmarkEvent]
    older: int | None
    is_newest: bool

    @classmethod
    def of(cls, benchmark: Benchmark, before: str) -> LogPage:
        """The events before the one with this number; the newest where it is no number."""
        events = benchmark.events.exclude(kind="figures").order_by("-seq")
        number = row_number(before)
        if number is not None:
            events = events.filter(seq__lt=number)
        found = list(events[: EVENTS_SHOWN + 1])
        shown = found[:EVENTS_SHOWN]
        return cls(shown, shown[-1].seq if len(found) > len(shown) else None, number is None)
