"""Memory of the C library on a CPU."""

from __future__ import annotations

import ctypes
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # names and numbers from malloc.h
_LARGEST_INT = 2**31 - 1


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
