"""Sending a message to those who watch something."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)
SEND_SECONDS = 2.0
# A broker that hangs would cost every message the full time, and the thread that keeps a lease sends several.
SILENCE_SECONDS = 5.0

_silent_until = 0.0


def send(group: str, message: dict[str, Any]) -> None:
    """Sends to a group; a broker that can't be reached, or hangs, costs liveliness, never the work."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return
    try:
        async_to_sync(_send_in_time)(group, message)
    except (RedisError, OSError, TimeoutError) as problem:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        log.warning("watchers_not_told", group=group, problem=str(problem) or type(problem).__name__)


async def _send_in_time(group: str, message: dict[str, Any]) -> None:
    layer = get_channel_layer()
    assert layer is not None
    async with asyncio.timeout(SEND_SECONDS):
        await layer.group_send(group, message)
