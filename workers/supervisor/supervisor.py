"""Keeps a machine's processes running, and stops them together."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType

from webapp.environment import EnvironmentProblem
from workers.supervisor.child import Child
from workers.supervisor.output import say
from workers.supervisor.plan import Program

# One request to stop may come twice: make passes on what the whole process group has got already.
SAME_SIGNAL_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked for the end."""


class Supervisor:
    """One thread around a selector: children's output and signals wake it.

    A context manager: on leaving, every child is stopped, the last started group first and within a group together.
    Signalled again while stopping, it kills what is still running. `Stopped` is its normal end and goes no further.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._groups: list[list[Child]] = []
        self._selector = selectors.DefaultSelector()
        self._signalled_at: float | None = None
        self._impatient = False
        self._previous: dict[signal.Signals, object] = {}
        self._stopping = False

    def __enter__(self) -> Supervisor:
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._previous_wakeup = signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            # nohup has hangups ignored, which is to stay so; a shell's background ignores SIGINT, which may not.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                self._previous[number] = signal.signal(number, self._on_stop_signal)
        self._previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is Stopped:
            say("Stopping.")
        try:
            self._stop_all()
        finally:
            signal.set_wakeup_fd(self._previous_wakeup)
            for number, handler in self._previous.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            self._selector.close()
            self._wake_read.close()
            self._wake_write.close()
        if kind is Stopped:
            say("Stopped.")
        return kind is Stopped

    def start(self, programs: Sequence[Program]) -> None:
        """Starts programs that stop together, before all that were started earlier."""
        group = [Child(program, self._logs) for program in programs]
        self._groups.append(group)
        for child in group:
            self._start(child)

    def run_to_end(self, program: Program) -> None:
        """Runs a program once. Raises EnvironmentProblem if it fails, Stopped on a signal."""
        child = Child(program, self._logs)
        self._groups.append([child])
        self._start(child)
        self._pump(lambda: not child.is_running)
        self._groups.pop()
        self._forget(child)
        if child.note_end() != 0:
            raise EnvironmentProblem(
                f"The step “{program.name}” failed; what it said is above and in {child.output.path}."
            )

    def wait_until(self, condition: Callable[[], bool], *, every: float, seconds: float) -> bool:
        """Looks after the children until the condition holds; False after so many seconds.

        Raises Stopped on a signal.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            pause_end = min(time.monotonic() + every, end)
            self._pump(lambda: False, until=pause_end)
        return condition()

    def run(self) -> None:
        """Looks after the children for good. Raises Stopped on a signal."""
        self._pump(lambda: False)

    def _pump(self, condition: Callable[[], bool], until: float | None = None) -> None:
        while not condition():
            if self._signalled_at is not None and not self._stopping:
                raise Stopped
            timeouts = [child.start_again_at for child in self._children() if child.process is None]
            if until is not None:
                timeouts.append(until)
            pause = max(0.0, min(timeouts) - time.monotonic()) if timeouts else None
            self._handle_events(pause)
            if not self._stopping:
                self._look_after_children()
            if until is not None and time.monotonic() >= until:
                return

    def _handle_events(self, pause: float | None) -> None:
        for key, _ in self._selector.select(pause):
            child = key.data
            if child is None:
                with contextlib.suppress(BlockingIOError):
                    self._wake_read.recv(4096)
            elif not child.read():
                self._selector.unregister(key.fileobj)

    def _look_after_children(self) -> None:
        for child in self._lasting_children():
            if child.process is None:
                if time.monotonic() >= child.start_again_at:
                    self._start(child)
            elif not child.is_running:
                self._forget(child)
                status = child.note_end()
                pause = child.schedule_start()
                name = child.program.name
                if status == 0:
                    # A worker that was drained, or one that somebody has told to stop.
                    say(f"{name} has ended; starting it again in {pause:g} s.")
                else:
                    child.output.show_last_lines()
                    say(f"{name} ended unexpectedly ({_how(status)}); starting it again in {pause:g} s.")

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as problem:
            program = child.program.command[0]
            raise EnvironmentProblem(
                f"{program} cannot be started ({problem.strerror}): remove the folder .venv and try again."
            ) from problem
        assert child.process is not None
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)  # type: ignore[arg-type]

    def _forget(self, child: Child) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(child.process.stdout)  # type: ignore[union-attr, arg-type]

    def _children(self) -> list[Child]:
        return [child for group in self._groups for child in group]

    def _lasting_children(self) -> list[Child]:
        return [child for child in self._children() if child.program.restart]

    def _stop_all(self) -> None:
        self._stopping = True
        for group in reversed(self._groups):
            running = [child for child in group if child.is_running]
            for child in running:
                child.ask_to_stop()
            begin = time.monotonic()
            killed: set[str] = set()
            while still := [child for child in running if child.is_running]:
                for child in still:
                    overdue = time.monotonic() - begin >= child.program.stop_seconds
                    if (self._impatient or overdue) and child.program.name not in killed:
                        killed.add(child.program.name)
                        say(f"{child.program.name} is still running and is killed.")
                        child.signal_group(signal.SIGKILL)
                self._handle_events(0.1)
            for child in running:
                self._forget(child)
                child.note_end()

    def _on_stop_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._signalled_at is None:
            self._signalled_at = now
        elif now - self._signalled_at > SAME_SIGNAL_SECONDS:
            self._impatient = True


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"
