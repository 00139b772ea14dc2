"""Small files in the state directory that are made once and then kept: secrets, and the built-in broker's address."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The file's text; where there is no file, what `make` gives, kept for the next time.

    Only the owner may read it. Several processes may call this at once: the first one's text holds for all.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path, make())
    try:
        # A hard link either appears whole or fails because another process was first.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="utf-8").strip()


def replace(path: Path, text: str) -> None:
    """Gives the file another text, at once and whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _draft(path, text).replace(path)


def _draft(path: Path, text: str) -> Path:
    # mkstemp makes files with mode 0600.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return Path(name)
