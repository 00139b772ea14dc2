"""Seconds and memory that a piece of work takes."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from saliency_core.lazy import torch

_MEGABYTE = 10**6
_PROCESS = Path("/proc/self")
_RESET_PEAK = "5"  # see proc(5), clear_refs


@dataclass
class Resources:
    """Wall-clock ``seconds``; ``megabytes`` (10⁶ bytes) at the peak beyond what was taken at the start, or NaN."""

    seconds: float = math.nan
    megabytes: float = math.nan


@contextmanager
def measured_resources(device: torch.device, *, memory: bool = True) -> Iterator[Resources]:
    """What the work inside takes; filled in when it is done, and left NaN if it raises.

    On a GPU: seconds until the device has finished, and the memory of torch's tensors on it, among them those of images
    that are copied there ahead of their use meanwhile (0.6 MB each at 224 × 224). On a CPU: the resident
    memory of the whole process, other threads' included, where Linux tells (NaN elsewhere). Freed memory that the
    process keeps for its next allocation (see scoring.memory) would hide the peak, so it is given back first, after
    which the work inside is slower: with ``memory`` the seconds on a CPU are those of a cold start. Without it
    ``megabytes`` stays NaN.
    """
    resources = Resources()
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    before = _start_of_memory(device) if memory else math.nan
    started = time.perf_counter()
    yield resources
    if on_gpu:
        torch.cuda.synchronize(device)
    resources.seconds = time.perf_counter() - started
    if memory:
        peak = torch.cuda.max_memory_allocated(device) if on_gpu else _status("VmHWM")
        resources.megabytes = max(0.0, peak - before) / _MEGABYTE if not math.isnan(before) else math.nan


def _start_of_memory(device: torch.device) -> float:
    """Bytes taken now, from where the peak is to be counted; NaN where the peak cannot be had."""
    if device.type == "cuda":
        return float(torch.cuda.memory_allocated(device))
    _give_back()
    try:
        (_PROCESS / "clear_refs").write_text(_RESET_PEAK)
    except OSError:  # no Linux, or not allowed
        return math.nan
    return _status("VmRSS")


def _status(name: str) -> float:
    """A line of /proc/self/status in bytes; NaN where there is none."""
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return math.nan
    found = [line.split() for line in lines if line.startswith(f"{name}:")]
    return float(found[0][1]) * 1024 if found else math.nan  # "kB" there means 1024 bytes


def _give_back() -> None:
    """Give freed memory back to the system (glibc)."""
    with suppress(OSError, AttributeError, TypeError):  # musl, macOS, Windows
        ctypes.CDLL(None).malloc_trim(0)
