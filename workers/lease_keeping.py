"""Keeping what a worker has claimed while it is at it."""

from __future__ import annotations

import time
from collections.abc import Callable

KEPT_EVERY_SECONDS = 20.0


def lease_keeper(keep: Callable[[], None]) -> Callable[[], None]:
    """For the heartbeat to call: calls `keep` every 20 seconds."""
    kept = time.monotonic()

    def tick() -> None:
        nonlocal kept
        if time.monotonic() - kept >= KEPT_EVERY_SECONDS:
            kept = time.monotonic()
            keep()

    return tick
