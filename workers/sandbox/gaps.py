"""What the system did not grant to the process that opens model files, and how that is told."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import structlog

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 60
COMPLETE = "complete"
UNKNOWN = "unknown"
NEEDED = {
    "files": ("landlock",),
    "network": ("network namespace", "system calls"),
    "programs": ("system calls",),
    "privileges": ("no new privileges",),
}
"""What must be kept from a hostile file, and what keeps it: one of these, as `confine` calls them, is enough."""
_MEANING = {
    "files": "it can read other files of its user: the kernel has no Landlock (Linux 5.13)",
    "network": "it can reach the network",
    "programs": "it can start other programs: there is no filter of system calls",
    "privileges": "it can gain privileges",
}

log = structlog.get_logger(__name__)
_told: set[str] = set()


def gaps(granted: Iterable[str]) -> list[str]:
    """Which of `NEEDED` nothing keeps from the process."""
    words = [word.partition(" ")[0] if word.startswith("landlock") else word for word in granted]
    return [need for need, keepers in NEEDED.items() if not set(keepers) & set(words)]


def tell_of_gaps(granted: Iterable[str]) -> list[str]:
    """Logs each gap once for this process."""
    found = gaps(granted)
    new = [gap for gap in found if gap not in _told]
    if new:
        _told.update(new)
        log.warning(
            "sandbox_incomplete",
            reason="A process that opens a model file is less confined on this machine than it should be: "
            + "; ".join(_MEANING[gap] for gap in new)
            + ".",
            missing=new,
        )
    return found


def sandbox_of_this_machine() -> str:
    """ "complete", or the gaps with blanks between them, tried out in a process that confines itself; "unknown" if
    that failed. What is missing is logged.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "workers.sandbox", folder],
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=True,
            )
            granted = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            log.warning("sandbox_not_tried", problem=str(problem))
            return UNKNOWN
    return " ".join(tell_of_gaps(granted)) or COMPLETE
