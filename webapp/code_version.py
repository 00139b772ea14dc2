"""Which code a process runs: one SHA-256 over all of its Python files, migrations included."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from webapp.environment import REPOSITORY

PACKAGES = ("saliency_core", "webapp", "workers")


@cache
def code_version() -> str:
    """64 hex digits; to be asked for when the process starts, as files may change under it later."""
    return hash_of_sources(REPOSITORY)


def hash_of_sources(folder: Path) -> str:
    """Changes when a Python file of the packages in this folder is added, removed, renamed or changed; line ends, which
    differ between systems, do not count.
    """
    digest = hashlib.sha256()
    paths = [path for package in PACKAGES for path in (folder / package).rglob("*.py")]
    for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in paths):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()
