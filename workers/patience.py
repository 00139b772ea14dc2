"""Waiting for a database that is away: what a worker has computed is worth a few minutes of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from django.db import connections

from webapp.common.database import AWAY
from workers import stopping

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
PATIENCE_SECONDS = 300.0
PAUSE_SECONDS = 1.0


def patiently(action: Callable[[], Answer]) -> Answer:
    """Calls it again, once a second and for five minutes at most, as long as the database cannot be reached.

    It must be guarded against being done twice: the answer to a commit may be what was lost. When this worker is told
    to stop it is tried once and no more.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return action()
        except AWAY as problem:
            if stopping.requested() or time.monotonic() >= end:
                raise
            log.warning("database_awaited", problem=str(problem))
            connections["default"].close()
            time.sleep(PAUSE_SECONDS)
