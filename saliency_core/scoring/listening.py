"""Who is told of batches that a method scores for itself.

A method makes its own Scorer, which knows nothing of the benchmark it works for. What listens here is told all the
same, so that a long map shows progress and can be interrupted within one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

BatchListener = Callable[[int], None]

_listener: ContextVar[BatchListener | None] = ContextVar("batch_listener", default=None)


@contextmanager
def listening(listener: BatchListener | None) -> Iterator[None]:
    """While the context lasts, ``listener(forwards)`` is called after every batch of scorers without a callback.

    It may raise Interrupted.
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def batch_listener() -> BatchListener | None:
    """What listens now."""
    return _listener.get()
