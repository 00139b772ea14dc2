"""Copying the state directory: what the database names, and the secret key; nothing that can be made again."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCHEMA = "saliscope-installation/1"
ABOUT = "about.json"
FILES = "state"
LEFT_OUT = ("static", "pixels", "broker")
"""Folders of the state directory that are made again: static files, decoded pixels, the built-in broker's."""
_PIECE = 2**20


class BackupDamaged(Exception):
    """Files of a backup are missing or changed; the message names them."""


def copy_state(state: Path, folder: Path) -> list[str]:
    """Copies the files of the state directory while the application works there. Returns the names below `state` of
    those that were gone when their turn came; any other trouble is an OSError.
    """
    vanished = []
    for source in state_files(state):
        target = folder / FILES / source.relative_to(state)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copy2(source, target)
        except FileNotFoundError:
            if source.exists():
                raise
            target.unlink(missing_ok=True)
            vanished.append(source.relative_to(state).as_posix())
    return vanished


def state_files(state: Path) -> Iterator[Path]:
    """Not by `rglob`, which fails where a folder goes away while it is walked through."""
    for place, folders, files in os.walk(state, onerror=_unless_gone):
        folder = Path(place)
        at_top = LEFT_OUT if folder == state else ()
        folders[:] = sorted(
            name for name in folders if name not in at_top and not name.startswith(".sandbox-")
        )
        for name in sorted(files):
            source = folder / name
            if ".sqlite3" not in name and source.is_file() and not source.is_symlink():
                yield source


def _unless_gone(problem: OSError) -> None:
    if not isinstance(problem, FileNotFoundError):
        raise problem


def write_list(folder: Path, **about: Any) -> None:
    """Notes the SHA-256 of every file, so that a restoration can tell a damaged backup."""
    files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in _all(folder)}
    (folder / ABOUT).write_text(json.dumps({"schema": SCHEMA, **about, "files": files}, indent=1))


def check_list(folder: Path) -> dict[str, Any]:
    """What `write_list` noted. Raises BackupDamaged if a file is missing, changed or too many."""
    try:
        about: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    except (OSError, ValueError):
        raise BackupDamaged(f"{folder} is no backup: {ABOUT} is missing or damaged.") from None
    if about.get("schema") != SCHEMA:
        raise BackupDamaged(f"{folder} is no backup of the form {SCHEMA}.")
    there = {path.relative_to(folder).as_posix() for path in _all(folder)} - {ABOUT}
    wrong = sorted(there ^ set(about["files"])) or sorted(
        name for name in there if sha256_of(folder / name) != about["files"][name]
    )
    if wrong:
        raise BackupDamaged(f"The backup is damaged: {', '.join(wrong[:5])}. Use another one.")
    return about


def copy_back(folder: Path, state: Path) -> None:
    for source in _all(folder / FILES):
        target = state / source.relative_to(folder / FILES)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
        if target.name == "secret_key":
            target.chmod(0o600)


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _all(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
