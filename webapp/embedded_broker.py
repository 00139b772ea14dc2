"""Where the built-in broker is to be found: a Valkey server on loopback, with a port and a password of its own.

Both are chosen once and kept in the state directory, so that every process of the machine finds the same server.
The supervisor starts it; this module only knows its address.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from webapp.state_files import read_or_create, replace

HOST = "127.0.0.1"


def folder(state_dir: Path) -> Path:
    """Where the broker keeps its address, its password and its append-only file."""
    return state_dir / "broker"


def port(state_dir: Path) -> int:
    return int(read_or_create(folder(state_dir) / "port", lambda: str(_free_port())))


def choose_another_port(state_dir: Path) -> int:
    """Keeps a new free port, for when another program has taken the old one."""
    chosen = _free_port()
    replace(folder(state_dir) / "port", str(chosen))
    return chosen


def password(state_dir: Path) -> str:
    return read_or_create(folder(state_dir) / "password", lambda: secrets.token_urlsafe(32))


def url(state_dir: Path) -> str:
    """The address as Redis clients write it."""
    return f"redis://:{password(state_dir)}@{HOST}:{port(state_dir)}/0"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
