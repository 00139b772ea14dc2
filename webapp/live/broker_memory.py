"""Noticing that the broker has forgotten which sockets want which messages.

A broker that was flushed, or started again without its file, answers as before and delivers nothing to sockets that are
open. Groups also end a day after they were joined, and whoever could not send a message removes the mark afterwards
(`webapp.common.announcing`). Such sockets are closed with a code after which browsers come back,
and begin with a snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator

import structlog
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from webapp.common.announcing import mark_key
from webapp.metrics.registry import SOCKETS

log = structlog.get_logger(__name__)
COME_BACK = 1012
"""The code with which such a socket closes: the service was started again."""
LOOK_SECONDS = 3.0
LONGEST_SECONDS = 12 * 3600.0
"""A socket is closed after this time: well before its groups end."""

Close = Callable[[], Awaitable[None]]


class BrokerMemory:
    """Keeps a mark in the broker. One task of the process looks for it as long as a socket is open."""

    def __init__(self) -> None:
        self._sockets: dict[Close, float] = {}
        self._mark: str | None = None
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(self, close: Close) -> Iterator[None]:
        """Has `close` called once when its socket would hear nothing any more."""
        self._sockets[close] = time.monotonic()
        SOCKETS.inc()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            SOCKETS.dec()
            self._sockets.pop(close, None)

    async def _look_again_and_again(self) -> None:
        while self._sockets:
            try:
                forgotten = await self._is_new()
            except (RedisError, OSError) as problem:
                # Sockets whose connection to the broker is lost close by themselves.
                log.warning("broker_not_asked", problem=str(problem) or type(problem).__name__)
                forgotten = False
            oldest = time.monotonic() - LONGEST_SECONDS
            closing = [close for close, opened in self._sockets.items() if forgotten or opened < oldest]
            if forgotten and closing:
                log.warning("broker_has_forgotten", sockets=len(closing))
            for close in closing:
                self._sockets.pop(close, None)
            await asyncio.gather(*(close() for close in closing), return_exceptions=True)
            await asyncio.sleep(LOOK_SECONDS)
        self._mark = None

    async def _is_new(self) -> bool:
        """Whether the mark is not the one that was seen last. Where there is none, a new one is set."""
        layer = get_channel_layer()
        assert layer is not None
        key = mark_key(layer)
        async with asyncio.timeout(LOOK_SECONDS):
            broker = layer.connection(0)
            await broker.set(key, uuid.uuid4().hex, nx=True)
            found = (await broker.get(key) or b"").decode()
        seen, self._mark = self._mark, found
        return seen is not None and seen != found
