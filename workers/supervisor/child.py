"""One process under supervision."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from webapp.environment import REPOSITORY
from workers.parent_death import die_with_parent
from workers.supervisor.output import Output
from workers.supervisor.plan import Program

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0


class Child:
    """Starts a program in a session of its own, and knows when it should be started again."""

    def __init__(self, program: Program, logs: Path) -> None:
        self.program = program
        self.output = Output(program.name, logs, quiet=program.quiet)
        self.process: subprocess.Popen[bytes] | None = None
        self.start_again_at = 0.0
        self._started_at = 0.0
        self._pause = FIRST_PAUSE_SECONDS

    def start(self) -> None:
        """Starts the program. Raises OSError if it cannot be executed."""
        supervisor = os.getpid()
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.program.command,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal reaches the supervisor alone, which then stops its children in order.
            start_new_session=True,
            # The supervisor has one thread, so calling this between fork and exec is safe.
            preexec_fn=lambda: die_with_parent(supervisor),
        )
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def read(self) -> bool:
        """Takes what the child has printed; False if nothing more can come."""
        if self.process is None or self.process.stdout is None or self.process.stdout.closed:
            return False
        try:
            data = os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return True
        if data:
            self.output.take(data)
        return bool(data)

    def note_end(self) -> int:
        """To be called once the process is found ended: takes its last words, ends what it left behind, and gives
        the exit status (negative: the signal)."""
        assert self.process is not None and self.process.returncode is not None
        self.signal_group(signal.SIGKILL)
        while self.process.stdout is not None and not self.process.stdout.closed:
            before = self.output.last_lines.copy()
            if not self.read() or self.output.last_lines == before:
                self.process.stdout.close()
        self.output.finish()
        return self.process.returncode

    def schedule_start(self) -> float:
        """Decides when to start again: soon after a long run, later and later after short ones. Returns the pause."""
        if time.monotonic() - self._started_at >= STEADY_SECONDS:
            self._pause = FIRST_PAUSE_SECONDS
        pause = self._pause
        self.start_again_at = time.monotonic() + pause
        self._pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self.process = None
        return pause

    def ask_to_stop(self) -> None:
        """SIGTERM to the process itself; it looks after its own children."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def signal_group(self, number: signal.Signals) -> None:
        """A signal to the process and whatever it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
