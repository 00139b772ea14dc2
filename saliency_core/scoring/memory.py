"""Memory of the C library on a CPU."""

from __future__ import annotations

import contextlib
import ctypes
import time
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # names and numbers from malloc.h
_LARGEST_INT = 2**31 - 1
_SECONDS_BETWEEN_TRIMS = 5.0  # trimming and clearing the pages anew take some hundredths of a second


@cache
def keep_freed_memory() -> bool:
    """Let this process keep freed memory for its next allocation; True where that could be arranged (glibc).

    A forward pass allocates and frees the same large activations over and over. By default glibc gives each back
    to the system, which clears its pages again at the next use: about half of the time of a small network's
    forward pass. Up to 2 GiB that are free stay with the process instead.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST_INT))


class FreedMemory:
    """Gives freed memory back after all, now and then, so that it does not pile up over a long run.

    Of what is allocated for one image a few small results are kept. They lie between blocks that are free, which then
    no longer fit what is asked for next, and every image adds to them: about 0.3 MB.
    """

    def __init__(self) -> None:
        self._trimmed = time.monotonic()

    def give_back(self) -> None:
        """To be called often; does something once in five seconds, where the C library can (glibc)."""
        if time.monotonic() - self._trimmed < _SECONDS_BETWEEN_TRIMS:
            return
        with contextlib.suppress(OSError, AttributeError, TypeError):  # musl, macOS, Windows
            ctypes.CDLL(None).malloc_trim(0)
        self._trimmed = time.monotonic()
