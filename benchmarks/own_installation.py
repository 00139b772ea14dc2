"""A database and settings of its own for a benchmark, so that nothing of an installation is touched."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_database(server: str) -> Iterator[str]:
    """The address of a new database, which is dropped at the end."""
    import psycopg2

    name = f"saliscope_load_{uuid.uuid4().hex[:10]}"

    def run(statement: str) -> None:
        connection = psycopg2.connect(server)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()

    run(f'CREATE DATABASE "{name}"')
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        run(f'DROP DATABASE "{name}" WITH (FORCE)')


def use_installation(state: str, database: str, **settings: str) -> str:
    """Has this process, and those it starts, work with this folder, database address and prefix of keys in the broker,
    which is returned. To be called before Django is set up.
    """
    prefix = f"saliscope-benchmark-{uuid.uuid4().hex[:10]}"
    os.environ |= {
        "SALISCOPE_ENV_FILE": "",
        "SALISCOPE_STATE_DIR": state,
        "SALISCOPE_QUEUE_PREFIX": prefix,
        "DATABASE_URL": database,
        # Nobody watches: that messages reach no broker is no news.
        "LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "benchmarks.web_load_settings",
        **settings,
    }
    return prefix
