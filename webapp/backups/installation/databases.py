"""Dumping and loading the whole database: PostgreSQL by its own programs, SQLite by its own copy."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

from django.db import connection

POSTGRESQL_FILE, SQLITE_FILE = "database.dump", "database.sqlite3"


class DatabaseProblem(Exception):
    """The database could not be dumped or loaded; the message says why."""


def dump(folder: Path) -> Path:
    """Writes the database as it is at one moment, while the application may go on; the file."""
    if connection.vendor == "postgresql":
        file = folder / POSTGRESQL_FILE
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
        return file
    file = folder / SQLITE_FILE
    with (
        contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as source,
        contextlib.closing(sqlite3.connect(file)) as target,
    ):
        source.backup(target)
    return file


def load(folder: Path) -> None:
    """Fills the database, which must be empty, from what `dump` wrote. Raises DatabaseProblem."""
    if connection.introspection.table_names():
        raise DatabaseProblem("The database has tables already. Restore into a new, empty one.")
    if connection.vendor == "postgresql":
        file = _existing(folder / POSTGRESQL_FILE, "PostgreSQL")
        _run(
            "pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", f"--dbname={_name()}", str(file)
        )
        return
    file = _existing(folder / SQLITE_FILE, "SQLite")
    connection.close()
    with (
        contextlib.closing(sqlite3.connect(file)) as source,
        contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as target,
    ):
        source.backup(target)


def move_paths(old: Path, new: Path) -> None:
    """Has the rows of members' data sets name the new state directory; those of the server's folders stay.

    In SQL, as the tables may be those of an older release. PostgreSQL and SQLite both know these functions.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE library_dataset SET path = %s || substr(path, %s) WHERE substr(path, 1, %s) = %s",
            [f"{new}/", len(f"{old}/") + 1, len(f"{old}/"), f"{old}/"],
        )


def _existing(file: Path, kind: str) -> Path:
    if not file.is_file():
        raise DatabaseProblem(
            f"{file.name} is not in the backup: it was made of another kind of database than {kind}. Set DATABASE_URL "
            "to one of the kind that it was made of."
        )
    return file


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def _run(program: str, *arguments: str) -> None:
    """The program gets the password by its environment: on the command line every user of the machine would see it."""
    place: dict[str, Any] = connection.settings_dict
    environment = dict(os.environ)
    for variable, key in (
        ("PGHOST", "HOST"),
        ("PGPORT", "PORT"),
        ("PGUSER", "USER"),
        ("PGPASSWORD", "PASSWORD"),
    ):
        if place.get(key):
            environment[variable] = str(place[key])
    environment["PGDATABASE"] = _name()
    try:
        done = subprocess.run(
            [program, *arguments], env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise DatabaseProblem(
            f"{program} is not installed: it comes with PostgreSQL's client programs."
        ) from None
    if done.returncode:
        raise DatabaseProblem(f"{program} failed: {done.stderr.strip()}")
