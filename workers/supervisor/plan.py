"""Which processes a machine runs, with their commands."""

from __future__ import annotations

import socket
import sys
from dataclasses import dataclass, field

from workers.supervisor.devices import chosen_gpus, visible_gpus

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


@dataclass(frozen=True)
class WorkerOptions:
    """Which workers a machine runs. `gpus`: places in the list of visible GPUs, or their identifiers, None for all;
    `cpu`: none of them, but one worker for the CPU. `label`: of the benchmark workers, "" for gpu or cpu.
    """

    gpus: tuple[str, ...] | None = None
    cpu: bool = False
    label: str = ""
    studio: bool = True


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


def workers(options: WorkerOptions | None = None) -> list[Program]:
    """A benchmark worker for every GPU that is chosen, or one for the CPU, and the studio's worker.

    Raises EnvironmentProblem for a GPU that is not there.
    """
    options = options or WorkerOptions()
    gpus = [] if options.cpu else chosen_gpus(visible_gpus(), options.gpus)
    if gpus:
        found = [
            _worker(f"benchmark-gpu{number}", "benchmark", BENCHMARK_QUEUE, gpu, options.label)
            for number, gpu in gpus
        ]
    else:
        found = [_worker("benchmark-cpu", "benchmark", BENCHMARK_QUEUE, None, options.label)]
    if options.studio:
        found.append(_worker("studio", "studio", STUDIO_QUEUE, gpus[0][1] if gpus else None))
    return found


def _worker(name: str, kind: str, queue: str, gpu: str | None, label: str = "") -> Program:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "workers.app", "worker"]
    command += ["-Q", queue, "-n", f"{name}@%h", "--concurrency", "1", "--pool", "prefork"]
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    environment = {
        "SALISCOPE_WORKER_NAME": f"{name}@{socket.gethostname()}",
        "SALISCOPE_WORKER_KIND": kind,
        "SALISCOPE_DEVICE": "cpu" if gpu is None else "cuda",
    }
    if label:
        environment["SALISCOPE_WORKER_LABEL"] = label
    # Empty hides every GPU: CUDA is never touched by a worker that was not given one.
    environment["CUDA_VISIBLE_DEVICES"] = gpu or ""
    # A running task gives its shard back after the batch it is in; a batch of a big network on a CPU takes a while.
    return Program(name, command, environment, stop_seconds=30.0)
