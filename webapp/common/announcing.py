"""Sending a message to those who watch something."""

from __future__ import annotations

from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)


def send(group: str, message: dict[str, Any]) -> None:
    """Sends to a group; a broker that can't be reached costs liveliness, never the work."""
    try:
        async_to_sync(get_channel_layer().group_send)(group, message)
    except (RedisError, OSError) as problem:
        log.warning("watchers_not_told", group=group, problem=str(problem))
