"""Sending a message to those who watch something."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
SEND_SECONDS = 2.0
# A broker that hangs would cost every message the full time, and the thread that keeps a lease sends several.
SILENCE_SECONDS = 5.0
_UNREACHABLE = (RedisError, OSError, TimeoutError)

_silent_until = 0.0


def send(group: str, message: dict[str, Any]) -> None:
    """Sends to a group; a broker that can't be reached, or hangs, costs liveliness, never the work. What could not be
    sent is made good: once the broker answers again, every open page begins anew with a snapshot.
    """
    global _silent_until
    if time.monotonic() < _silent_until:
        _unsent.note()
        return
    try:
        async_to_sync(_send_in_time)(group, message)
    except _UNREACHABLE as problem:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        log.warning("watchers_not_told", group=group, problem=str(problem) or type(problem).__name__)
        _unsent.note()


async def _send_in_time(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    async with asyncio.timeout(SEND_SECONDS):
        await layer.group_send(group, message)


def mark_key(layer: BaseChannelLayer) -> str:
    """Where the broker keeps the mark by which open sockets know that they still hear everything."""
    return f"{layer.prefix}mark"


async def _remove_mark() -> None:
    """Sockets whose mark is gone are closed, and come back with a snapshot (see `webapp.live.broker_memory`)."""
    layer = get_channel_layer()
    assert layer is not None
    async with asyncio.timeout(SEND_SECONDS):
        await layer.connection(0).delete(mark_key(layer))


class _Unsent:
    """Whether there are messages that nobody got; a thread waits for the broker as long as there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owed = False
        self._thread: threading.Thread | None = None

    def note(self) -> None:
        with self._lock:
            self._owed = True
            # After a fork the parent's thread is not alive in the child.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._make_good, name="unsent", daemon=True)
                self._thread.start()

    def _make_good(self) -> None:
        while True:
            with self._lock:
                if not self._owed:
                    self._thread = None
                    return
                self._owed = False
            # While the broker is silent, messages go on being dropped: they are covered by what comes afterwards.
            time.sleep(SILENCE_SECONDS)
            try:
                async_to_sync(_remove_mark)()
            except _UNREACHABLE:
                with self._lock:
                    self._owed = True
            else:
                log.info("watchers_come_back")


_unsent = _Unsent()
