"""What must hold before anything is started. Every failure is one sentence that says what to do."""

from __future__ import annotations

import errno
import fcntl
import socket
import sqlite3
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import environ

from webapp.environment import EnvironmentProblem

CONNECT_SECONDS = 5


def check_port(host: str, port: int) -> None:
    """Raises EnvironmentProblem if the web server could not listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the web server does: a port that only waits for old connections to be forgotten is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                reason = (
                    f"Port {port} is taken by another program: stop that program, or choose another port, "
                    f"for example PORT={port + 1 if port < 65535 else 8000}."
                )
            elif problem.errno == errno.EACCES:
                reason = f"This user may not listen on port {port}: choose a port above 1023, for example PORT=8000."
            else:
                reason = f"The web server cannot listen on {host}:{port} ({problem.strerror}): correct HOST and PORT."
            raise EnvironmentProblem(reason) from problem


def lock(path: Path, what: str) -> IO[str]:
    """Locks the file until the returned handle is closed or this process ends.

    Raises EnvironmentProblem if another process has it locked.
    """
    handle = path.open("a")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        handle.close()
        raise EnvironmentProblem(
            f"{what} already running with the state directory {path.parent}: "
            "stop it first, or set SALISCOPE_STATE_DIR to another directory."
        ) from problem
    return handle


def check_broker(url: str) -> None:
    """Raises EnvironmentProblem if no Redis or Valkey server answers at `url` (the value of REDIS_URL)."""
    import redis

    try:
        with redis.Redis.from_url(
            url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS
        ) as client:
            client.ping()
    except ValueError as problem:
        raise EnvironmentProblem(
            "REDIS_URL is not an address: write it as redis://HOST:PORT/NUMBER, or unset it to use the built-in broker."
        ) from problem
    except redis.RedisError as problem:
        raise EnvironmentProblem(
            f"The broker at {_place(url)} (REDIS_URL) cannot be reached ({_first_line(problem)}): "
            "start Redis or Valkey there, correct REDIS_URL, or unset it to use the built-in broker."
        ) from problem


def check_database(url: str) -> None:
    """Raises EnvironmentProblem if the database at `url` cannot be opened."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        _check_sqlite(environ.Env.db_url_config(url)["NAME"])
    elif scheme in {"postgres", "postgresql", "psql", "pgsql"}:
        _check_postgresql(url)
    else:
        raise EnvironmentProblem(
            "DATABASE_URL is not an address that is understood: write it as postgres://USER:PASSWORD@HOST:PORT/NAME "
            "or sqlite:////PATH, or unset it to use SQLite in the state directory."
        )


def _check_sqlite(path: str) -> None:
    try:
        connection = sqlite3.connect(path, timeout=20)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as problem:
        raise EnvironmentProblem(
            f"The database file {path} cannot be opened ({_first_line(problem)}): "
            "check its folder's rights, or correct DATABASE_URL."
        ) from problem


def _check_postgresql(url: str) -> None:
    import psycopg2

    configuration = environ.Env.db_url_config(url)
    arguments = {
        "dbname": configuration["NAME"],
        "user": configuration["USER"],
        "password": configuration["PASSWORD"],
        "host": configuration["HOST"],
        "port": configuration["PORT"],
        "connect_timeout": CONNECT_SECONDS,
        **configuration.get("OPTIONS", {}),
    }
    try:
        psycopg2.connect(**{name: value for name, value in arguments.items() if value != ""}).close()
    except psycopg2.Error as problem:
        raise EnvironmentProblem(
            f"The database at {_place(url)} (DATABASE_URL) cannot be reached ({_first_line(problem)}): "
            "start PostgreSQL there, create the database, correct DATABASE_URL, or unset it to use SQLite."
        ) from problem


def _place(url: str) -> str:
    """The address without user and password."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}" or url.partition(":")[0]


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(problem).__name__
