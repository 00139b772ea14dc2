"""What all tests share: a broker for the run, the shared data, and cleaning up afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
BROKER_SECONDS = 20.0

_broker: subprocess.Popen[bytes] | None = None


def pytest_configure(config: pytest.Config) -> None:
    """Starts the built-in broker for the whole run, unless REDIS_URL names one."""
    global _broker
    if _is_parallel_worker(config) or os.environ.get("REDIS_URL"):
        return
    from workers.parent_death import die_with_parent
    from workers.supervisor import broker

    tests = os.getpid()
    state = Path(os.environ["SALISCOPE_STATE_DIR"])
    _broker = subprocess.Popen(
        broker.prepare(state),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        # Even a run of the tests that is killed leaves no server behind.
        preexec_fn=lambda: die_with_parent(tests),
    )
    end = time.monotonic() + BROKER_SECONDS
    while not broker.is_answering(state):
        if _broker.poll() is not None or time.monotonic() > end:
            raise pytest.UsageError("The built-in broker for the tests does not start.")
        time.sleep(0.02)


def pytest_unconfigure(config: pytest.Config) -> None:
    global _broker
    if _is_parallel_worker(config):
        return
    if _broker is not None:
        _broker.terminate()
        _broker.wait(timeout=10)
        _broker = None
    elif os.environ.get("REDIS_URL"):
        delete_keys(os.environ["REDIS_URL"], os.environ["SALISCOPE_QUEUE_PREFIX"])
    shutil.rmtree(os.environ["SALISCOPE_STATE_DIR"], ignore_errors=True)


def delete_keys(url: str, prefix: str) -> None:
    """Removes from a shared broker what one run left there."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(f"{prefix}:*"):
            client.delete(key)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout under test."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of photographs and weights that is not part of the repository; tests that need it are skipped without.

    SALISCOPE_SHARED_DATA says where it is; by default it is looked for beside the checkout.
    """
    folder = Path(os.environ.get("SALISCOPE_SHARED_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(
            f"needs the shared data, and {folder} is not there (SALISCOPE_SHARED_DATA names another place)"
        )
    return folder


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """A Redis address whose keys under the run's prefix are the tests' own."""
    from django.conf import settings

    yield settings.BROKER_URL


def _is_parallel_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")
