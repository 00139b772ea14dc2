"""What the surroundings say: environment variables, the `.env` file and the state directory.

Free of Django, so that the supervisor reads the very same values before Django is loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

import environ

REPOSITORY = Path(__file__).resolve().parent.parent

env = environ.Env()


class EnvironmentProblem(Exception):
    """The surroundings do not allow a start; the message says in one sentence what to do."""


def load_env_file() -> None:
    """Reads `.env` (or the file that SALISCOPE_ENV_FILE names; empty for none); variables already set win."""
    name = os.environ.get("SALISCOPE_ENV_FILE", str(REPOSITORY / ".env"))
    if name and Path(name).is_file():
        environ.Env.read_env(name)


def state_dir() -> Path:
    """The directory of everything the application writes; made if it does not exist.

    Raises EnvironmentProblem if it cannot be made.
    """
    folder = Path(os.environ.get("SALISCOPE_STATE_DIR") or REPOSITORY / "var").expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise EnvironmentProblem(
            f"The state directory {folder} cannot be made ({problem.strerror}): "
            "give the right to write there, or set SALISCOPE_STATE_DIR to another directory."
        ) from problem
    return folder


def database_url() -> str:
    """DATABASE_URL, by default the SQLite file in the state directory."""
    return os.environ.get("DATABASE_URL") or f"sqlite:///{state_dir() / 'saliscope.sqlite3'}"


def external_broker_url() -> str:
    """REDIS_URL, or "" where the built-in broker serves."""
    return os.environ.get("REDIS_URL", "")


def bind_host() -> str:
    """The address the web server listens on."""
    return os.environ.get("HOST") or "127.0.0.1"


def bind_port() -> int:
    """The port the web server listens on. Raises EnvironmentProblem if PORT is no port."""
    text = os.environ.get("PORT") or "8000"
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise EnvironmentProblem(f"PORT is “{text}”: set it to a whole number from 1 to 65535.")
    return int(text)


load_env_file()
