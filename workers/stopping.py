"""A flag that a worker sets when it has been told to stop, and that the task it runs looks at between batches.

The flag is one byte of anonymous shared memory: made in Celery's parent process before it forks, seen by the pool's
children, set inside a signal handler. A lock, as in `multiprocessing.Event`, could be held by a child that was killed.
"""

from __future__ import annotations

import mmap

_flag = mmap.mmap(-1, 1)


def request() -> None:
    """Asks the running task to give back what it has not finished."""
    _flag[0] = 1


def requested() -> bool:
    """Whether this worker has been told to stop."""
    return _flag[0] == 1
