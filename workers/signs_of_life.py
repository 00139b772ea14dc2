"""That a long wait is no standstill: noted by what brings files here, read by what looks for processes that hang."""

from __future__ import annotations

import time

_latest = 0.0


def note() -> None:
    """Something has just arrived."""
    global _latest
    _latest = time.monotonic()


def latest() -> float:
    """When that was, by time.monotonic; 0 if never."""
    return _latest
