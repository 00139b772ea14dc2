"""Keeping what a worker has claimed while it is at it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from django.db import connection

from webapp.common.database import AWAY

log = structlog.get_logger(__name__)

# Well within a lease (webapp.common.leases): the thread that keeps it may have to wait for the database.
KEPT_EVERY_SECONDS = 3.0


def lease_keeper(keep: Callable[[], object]) -> Callable[[], None]:
    """For the heartbeat to call: calls `keep` every 3 seconds."""
    kept = time.monotonic()

    def tick() -> None:
        nonlocal kept
        if time.monotonic() - kept >= KEPT_EVERY_SECONDS:
            kept = time.monotonic()
            keep()

    return tick


@contextmanager
def kept_meanwhile(keep: Callable[[], bool], every: float = KEPT_EVERY_SECONDS) -> Iterator[None]:
    """Calls `keep` from a thread of its own, until it says no, as a step may take longer than a lease. For processes
    that have no heartbeat.
    """
    over = threading.Event()

    def keeps() -> bool:
        try:
            return keep()
        except AWAY as problem:
            # It may be back before the lease has run out.
            log.warning("lease_not_kept", problem=str(problem))
            connection.close()
            return True

    def keep_on() -> None:
        try:
            while not over.wait(every) and keeps():
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=keep_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
