"""What those who watch a benchmark are told, read once for all of them in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.payloads import event_payload, state_payload
from webapp.benchmarks.selectors import events_after

MOST_BENCHMARKS = 200
MOST_SECONDS = 1.0  # progress moves without events


@dataclass
class _Watched:
    """Events after ``after`` up to ``upto``, and the state that was read after them, at ``read_at``."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    after: int = 0
    upto: int = -1
    events: list[dict[str, Any]] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    read_at: float = 0.0


_watched: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, _Watched]] = WeakKeyDictionary()


async def news_since(benchmark_id: int, seq: int, upto: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The events after number ``seq``, at least up to ``upto``, and a state that is not older than they are."""
    loop = asyncio.get_running_loop()
    here = _watched.setdefault(loop, {})
    watched = here.pop(benchmark_id, None) or _Watched()
    here[benchmark_id] = watched  # what was asked for last is forgotten last
    while len(here) > MOST_BENCHMARKS:
        del here[next(iter(here))]
    async with watched.lock:
        fresh = loop.time() - watched.read_at < MOST_SECONDS
        if not (fresh and watched.after <= seq and upto <= watched.upto):
            watched.events, watched.state = await _read(benchmark_id, seq)
            watched.after, watched.read_at = seq, loop.time()
            watched.upto = watched.events[-1]["seq"] if watched.events else seq
        return [event for event in watched.events if event["seq"] > seq], watched.state


@database_sync_to_async
def _read(benchmark_id: int, seq: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    events = [event_payload(event) for event in events_after(benchmark_id, seq)]
    return events, state_payload(Benchmark.objects.select_related("classifier").get(pk=benchmark_id))
