"""The supervisor on small programs: order of stopping, impatience, restarts, and nothing left over."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workers.supervisor.supervisor import SAME_SIGNAL_SECONDS

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
POLITE = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()));"
    "print('up', flush=True); time.sleep(60)"
)
WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('child', child.pid, flush=True); time.sleep(60)"
)


class Run:
    """A supervisor in a process of its own; `body` starts programs with `start(name, code, …)`."""

    def __init__(self, repository: Path, folder: Path, body: str) -> None:
        script = textwrap.dedent(
            """
            import sys
            from pathlib import Path
            from workers.supervisor.plan import Program
            from workers.supervisor.supervisor import Supervisor

            def program(name, code, **options):
                return Program(name, [sys.executable, "-u", "-c", code], **options)

            with Supervisor(Path(sys.argv[1])) as supervisor:
            """
        )
        script += textwrap.indent(textwrap.dedent(body), "    ") + "\n    supervisor.run()\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)],
            cwd=repository,
            stdout=subprocess.PIPE,
            text=True,
            # However the tests were started: their hangups may be ignored.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        self.lines: list[str] = []

    def wait_for(self, text: str) -> str:
        """Reads on until a line has this text, and gives that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if text in line:
                return self.lines[-1]
        raise AssertionError(f"“{text}” was not printed: {self.lines}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> list[str]:
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.lines += rest.splitlines()
        return self.lines

    def close(self) -> None:
        """Whatever happened in the test, nothing goes on."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


Supervise = Callable[[str], Run]


@pytest.fixture
def supervise(repository: Path, tmp_path: Path) -> Iterator[Supervise]:
    """Starts a supervisor that logs to `tmp_path`."""
    runs: list[Run] = []

    def start(body: str) -> Run:
        runs.append(Run(repository, tmp_path, body))
        return runs[-1]

    yield start
    for run in runs:
        run.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stops_in_reverse_order_of_starting(
    supervise: Supervise, tmp_path: Path, number: signal.Signals
) -> None:
    run = supervise(
        f"supervisor.start([program('first', {POLITE!r})])\nsupervisor.start([program('second', {POLITE!r})])",
    )
    run.wait_for("| up")
    run.wait_for("| up")
    lines = run.end(number)
    assert lines[-4:] == ["Stopping.", "second | bye", "first | bye", "Stopped."]
    assert run.process.returncode == 0
    assert (tmp_path / "first.log").read_text() == "up\nbye\n"


def test_kills_what_does_not_stop(supervise: Supervise) -> None:
    run = supervise(f"supervisor.start([program('stubborn', {STUBBORN!r}, stop_seconds=0.3)])")
    run.wait_for("| up")
    begin = time.monotonic()
    assert "stubborn is still running and is killed." in run.end()
    assert time.monotonic() - begin < 5


def test_signalled_again_it_does_not_wait(supervise: Supervise) -> None:
    run = supervise(f"supervisor.start([program('stubborn', {STUBBORN!r}, stop_seconds=60)])")
    run.wait_for("| up")
    run.process.send_signal(signal.SIGINT)
    run.wait_for("Stopping.")
    time.sleep(SAME_SIGNAL_SECONDS)
    begin = time.monotonic()
    run.end(signal.SIGINT)
    assert time.monotonic() - begin < 5


def test_one_request_that_comes_twice_is_one(supervise: Supervise) -> None:
    slow = POLITE.replace("print('bye', flush=True)", "time.sleep(0.5), print('bye', flush=True)")
    run = supervise(f"supervisor.start([program('slow', {slow!r})])")
    run.wait_for("| up")
    run.process.send_signal(signal.SIGINT)
    run.wait_for("Stopping.")
    assert "slow | bye" in run.end(signal.SIGTERM)


def test_starts_again_what_ends_later_and_later(supervise: Supervise) -> None:
    run = supervise("supervisor.start([program('short', 'print(\"here\"); raise SystemExit(3)')])")
    assert "(exit status 3); starting it again in 0.5 s" in run.wait_for("ended unexpectedly")
    assert "starting it again in 1 s" in run.wait_for("ended unexpectedly")
    run.end()
    assert run.lines.count("short | here") == 2


def test_a_quiet_program_speaks_when_it_dies(supervise: Supervise) -> None:
    code = "import os, signal; print('last words'); os.kill(os.getpid(), signal.SIGKILL)"
    run = supervise(f"supervisor.start([program('quiet', {code!r}, quiet=True)])")
    assert "(SIGKILL)" in run.wait_for("ended unexpectedly")
    assert "quiet | last words" in run.lines
    run.end()


def test_grandchildren_end_with_their_parent(supervise: Supervise) -> None:
    run = supervise(f"supervisor.start([program('parent', {WITH_CHILD!r})])")
    grandchild = int(run.wait_for("| child").split()[-1])
    run.end()
    assert not is_alive(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends processes with their parent")
def test_a_killed_supervisor_leaves_nothing(supervise: Supervise) -> None:
    run = supervise(
        "supervisor.start([program('child', 'import os, time; print(os.getpid()); time.sleep(60)')])"
    )
    child = int(run.wait_for("child |").split()[-1])
    run.end(signal.SIGKILL)
    end = time.monotonic() + 5
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert not is_alive(child)


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
