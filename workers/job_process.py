"""The process that does members' jobs: started when one waits, gone when none is left."""

from __future__ import annotations

import os
import subprocess
import sys

from webapp.environment import REPOSITORY
from webapp.jobs.services import jobs_wait
from workers.parent_death import die_with_parent

STOP_SECONDS = 5.0


class JobProcess:
    """At most one at a time. Statistics over millions of values then neither delay an answer nor the reconciler."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def tend(self) -> None:
        """Starts the process if a job waits and none is at work."""
        if (self._process is None or self._process.poll() is not None) and jobs_wait():
            parent = os.getpid()
            self._process = subprocess.Popen(
                ["nice", sys.executable, "-m", "workers", "jobs"],  # noqa: S607
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                preexec_fn=lambda: die_with_parent(parent),
            )

    def stop(self) -> None:
        """Ends the process; what it was doing waits again."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
