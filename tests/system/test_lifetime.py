"""The whole application starts, heals and stops as one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.application import Application, free_port
from tests.system.conftest import started

pytestmark = [pytest.mark.system, pytest.mark.slow]


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.1)


def parts(application: Application) -> list[str]:
    names = ["uvicorn", "workers reconcile", "-n benchmark-", "-n studio"]
    return names if os.environ.get("REDIS_URL") else [*names, "valkey-server"]


def test_start_heal_stop_and_start_again(installed: Application, repository: Path) -> None:
    with started(installed) as application:
        health = application.wait_until_well()
        assert health["workers"]["benchmark"]["alive"] >= 1
        assert health["workers"]["studio"]["alive"] == 1
        wait_for(lambda: f"Saliscope is ready: {application.base_url}/" in application.output, "the address")
        assert "Traceback" not in application.output

        assert_second_instance_is_refused(application, repository)
        for part in parts(application):
            assert_is_started_again(application, part)
        wait_for(lambda: application.health()[0] == 200, "all is well again", 60)

        assert application.stop(signal.SIGTERM) == 0
        assert application.processes() == {}
        assert application.output.rstrip().endswith("Stopped.")

        application.start()
        wait_for(lambda: "Saliscope is ready" in application.output, "the second start")
        assert "Preparing" not in application.output, "a second start finds everything ready"

        application.stop(signal.SIGKILL)
        wait_for(lambda: application.processes() == {}, "nothing outlives a killed supervisor", 10)


def assert_second_instance_is_refused(application: Application, repository: Path) -> None:
    for port, sentence in [(application.port, "is taken"), (0, "already running")]:
        done = subprocess.run(
            [sys.executable, "-m", "workers", "serve"],
            cwd=repository,
            env=application.environment | {"PORT": str(port or free_port())},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 1
        assert sentence in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def assert_is_started_again(application: Application, part: str) -> None:
    victim = application.pids(part)[0]
    os.kill(victim, signal.SIGKILL)
    wait_for(
        lambda: application.pids(part) and victim not in application.pids(part),
        f"{part} is started again",
    )
