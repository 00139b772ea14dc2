"""`python -m workers serve` (everything on one machine) and `python -m workers` (this machine's workers only)."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from pathlib import Path

from webapp import environment
from webapp.environment import EnvironmentProblem
from workers.supervisor import broker, checks, plan
from workers.supervisor.output import say
from workers.supervisor.supervisor import Supervisor

BROKER_SECONDS = 60.0
READY_SECONDS = 60.0


def serve(options: plan.WorkerOptions | None = None) -> None:
    """Runs broker (unless REDIS_URL names one), web server, reconciler and workers until a signal comes.

    Raises EnvironmentProblem, before anything is started, if port, database, broker or GPUs are not as they must be.
    """
    host, port = environment.bind_host(), environment.bind_port()
    workers = plan.workers(options)
    state = environment.state_dir()
    checks.check_port(host, port)
    with checks.lock(state / "serve.lock", "Saliscope is"):
        _check_services()
        with Supervisor(state / "logs") as supervisor:
            if not environment.external_broker_url():
                _start_broker(supervisor, state)
            supervisor.run_to_end(plan.preparation())
            supervisor.start([plan.reconciler()])
            supervisor.start(workers)
            supervisor.start([plan.web(host, port)])
            _announce(supervisor, host, port, state)
            supervisor.run()


def work(options: plan.WorkerOptions | None = None) -> None:
    """Runs this machine's workers until a signal comes. Raises EnvironmentProblem if database, broker or a GPU that is
    asked for are away.
    """
    programs = plan.workers(options)
    state = environment.state_dir()
    with checks.lock(state / f"workers-{socket.gethostname()}.lock", "This machine's workers are"):
        _check_services()
        if not environment.external_broker_url() and not broker.is_answering(state):
            raise EnvironmentProblem(
                "No broker answers: set REDIS_URL and DATABASE_URL to those of the web server, "
                "or use `make run` for everything on one machine."
            )
        # Several machines may share the state directory.
        with Supervisor(state / "logs" / socket.gethostname()) as supervisor:
            supervisor.start(programs)
            say(f"Started {', '.join(program.name for program in programs)}. Ctrl-C stops them.")
            supervisor.run()


def _check_services() -> None:
    url = environment.external_broker_url()
    if url:
        checks.check_broker(url)
    checks.check_database(environment.database_url())


def _start_broker(supervisor: Supervisor, state: Path) -> None:
    supervisor.start([plan.broker(broker.prepare(state))])
    if not supervisor.wait_until(lambda: broker.is_answering(state), every=0.02, seconds=BROKER_SECONDS):
        raise EnvironmentProblem(
            f"The built-in broker does not start: see {state / 'logs' / 'broker.log'}, "
            "or set REDIS_URL to a Redis or Valkey server."
        )


def _announce(supervisor: Supervisor, host: str, port: int, state: Path) -> None:
    """Prints the address once everything is well, or what to look at if that takes long."""
    address = f"http://{_reachable(host)}:{port}"
    if not supervisor.wait_until(lambda: _is_well(f"{address}/healthz"), every=0.1, seconds=READY_SECONDS):
        say(f"Not everything is ready after {READY_SECONDS:g} s: see {address}/healthz and {state / 'logs'}.")
        supervisor.wait_until(lambda: _is_well(f"{address}/healthz"), every=2.0, seconds=float("inf"))
    say(f"Saliscope is ready: {address}/  (Ctrl-C stops it)")


def _reachable(host: str) -> str:
    """An address under which this machine itself finds a server bound to `host`."""
    if host in {"0.0.0.0", ""}:  # noqa: S104  # compared, not bound to
        return "127.0.0.1"
    if host == "::":
        return "[::1]"
    return f"[{host}]" if ":" in host else host


def _is_well(url: str) -> bool:
    try:
        # No proxy: the address is this machine's.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
