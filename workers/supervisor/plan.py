"""Which processes a machine runs, with their commands."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass, field

from workers.supervisor.devices import visible_gpus

# The names of the queues as in webapp.settings.messaging, which would load Django.
BENCHMARK_QUEUE = "benchmark"
STUDIO_QUEUE = "studio"


@dataclass(frozen=True)
class Program:
    """One process to run; one that lasts is started again when it ends.

    `stop_seconds` is how long it may take after SIGTERM before it is killed. What a `quiet` program prints goes to its
    log only.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0
    quiet: bool = False
    restart: bool = True


def broker(command: list[str]) -> Program:
    return Program("broker", command, quiet=True)


def preparation() -> Program:
    return Program("prepare", [sys.executable, "-m", "workers", "prepare"], restart=False)


def reconciler() -> Program:
    return Program("reconciler", [sys.executable, "-m", "workers", "reconcile"])


def web(host: str, port: int) -> Program:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "webapp.asgi:application",
        "--host",
        host,
        "--port",
        str(port),
    ]
    command += ["--lifespan", "off", "--no-access-log", "--log-level", "warning", "--no-server-header"]
    command += ["--ws-max-size", "65536", "--timeout-graceful-shutdown", "3"]
    return Program("web", command)


def workers() -> list[Program]:
    """A benchmark worker for every GPU, or one for the CPU, and the studio's worker."""
    gpus = visible_gpus()
    if not gpus:
        return [
            _worker("benchmark-cpu", "benchmark", BENCHMARK_QUEUE, None),
            _worker("studio", "studio", STUDIO_QUEUE, None),
        ]
    benchmark = [
        _worker(f"benchmark-gpu{number}", "benchmark", BENCHMARK_QUEUE, gpu)
        for number, gpu in enumerate(gpus)
    ]
    return [*benchmark, _worker("studio", "studio", STUDIO_QUEUE, gpus[0])]


def _worker(name: str, kind: str, queue: str, gpu: str | None) -> Program:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"]
    command += ["-Q", queue, "-n", f"{name}@%h", "--concurrency", "1", "--pool", "prefork"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    environment = {
        "SALISCOPE_WORKER_NAME": f"{name}@{socket.gethostname()}",
        "SALISCOPE_WORKER_KIND": kind,
        "SALISCOPE_DEVICE": "cpu" if gpu is None else "cuda",
    }
    # Empty hides every GPU: CUDA is never touched by a worker that was not given one.
    environment["CUDA_VISIBLE_DEVICES"] = gpu or ""
    # A running task gives its shard back after the batch it is in; a batch of a big network on a CPU takes a while.
    return Program(name, command, environment, stop_seconds=30.0)
