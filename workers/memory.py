"""How much memory this worker has and uses, read without touching a device that nobody has touched yet."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MEMORY_INFO = Path("/proc/meminfo")
OWN_SIZE = Path("/proc/self/statm")
CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def memory_of(device: str) -> dict[str, int]:
    """Bytes: `host_used` by this process and `host_total` of the machine (or of its container); on a GPU also
    `device_used`, by all processes, and `device_total`. What can't be found out is left out.
    """
    return {**_host(), **(_gpu(device) if device.startswith("cuda") else {})}


def _host() -> dict[str, int]:
    try:
        resident = int(OWN_SIZE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        line = next(line for line in MEMORY_INFO.read_text().splitlines() if line.startswith("MemTotal:"))
        total = 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError, StopIteration):
        return {}
    return {"host_used": resident, "host_total": min([total, *_limits()])}


def _limits() -> list[int]:
    found = []
    for path in CONTAINER_LIMITS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):
            continue  # no container of this kind, or "max"
    return [limit for limit in found if limit > 0]


def _gpu(device: str) -> dict[str, int]:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    try:
        free, total = torch.cuda.mem_get_info(device)
    except RuntimeError:
        return {}  # The device has a problem, which its work will tell of.
    return {"device_used": total - free, "device_total": total}
