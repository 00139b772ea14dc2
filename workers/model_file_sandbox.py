"""Opens one model file in a process of its own that can do next to nothing else.

`python -m workers.model_file_sandbox FILE FOLDER SIZE [KEY]` reads a state dict, writes it to FOLDER as
safetensors under its SHA-256 and prints one line of JSON: {"path", "sha256"} or {"problem"}. KEY is the built-in
classifier whose names the tensors get where its file has others. An ONNX file is converted and classifies noise of
SIZE pixels a side; if all is well it is copied to FOLDER as it is, under its SHA-256, and only then do other
processes open it.

The process meets the file in a folder that is made for it and removed afterwards, whatever happened; what it wrote
is looked at again before it is taken. What else it may do is in workers.sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CPU_SECONDS = 300
WALL_SECONDS = 600
MEMORY_BYTES = 12 * 1024**3
FILE_BYTES = 4 * 1024**3
MOST_ANSWER_CHARACTERS = 4000
PREFIX = ".sandbox-"
REPOSITORY = Path(__file__).resolve().parent.parent
_RESULT = re.compile(r"([0-9a-f]{64})\.(safetensors|onnx)")


def convert_in_sandbox(
    source: Path, folder: Path, builtin_key: str = "", size: int = 224
) -> tuple[Path, str]:
    """Converts `source` in another process. Returns the safetensors (or ONNX) file and its SHA-256.

    Raises WeightsError with what the process said, or that it went past its limits.
    """
    from saliency_core.errors import WeightsError

    with _room(folder) as room:
        lent = _lend(source, room)
        command = [
            sys.executable,
            "-m",
            "workers.model_file_sandbox",
            str(lent),
            str(room / "out"),
            str(size),
        ]
        answer = _answer([*command, builtin_key], room)
        if answer is None:
            way_out = (
                "Export a smaller network."
                if source.suffix.lower() == ".onnx"
                else "Save the weights as safetensors and upload that file."
            )
            raise WeightsError(f"Reading {source.name} took too much time or memory. {way_out}")
        if "problem" in answer:
            raise WeightsError(str(answer["problem"])[:MOST_ANSWER_CHARACTERS])
        return _taken(room / "out", folder, source.name)


def main(source: Path, folder: Path, size: int, builtin_key: str = "") -> int:
    """The process inside: shuts itself in, then reads."""
    from workers.sandbox import confine

    confine(
        file=source,
        folder=folder.parent,
        cpu_seconds=CPU_SECONDS,
        memory_bytes=MEMORY_BYTES,
        file_bytes=FILE_BYTES,
    )
    from saliency_core.classifiers.onnx_files import SUFFIX, check_onnx, store_onnx
    from saliency_core.classifiers.weights import check_finite, read_state_dict, store_as_safetensors
    from saliency_core.errors import SaliscopeError

    try:
        if source.suffix.lower() == SUFFIX:
            check_onnx(source, size)
            path, sha256 = store_onnx(source, folder)
        else:
            state_dict = read_state_dict(source)
            check_finite(state_dict, source.name)
            path, sha256 = store_as_safetensors(_under_own_names(state_dict, builtin_key), folder)
    except SaliscopeError as problem:
        print(json.dumps({"problem": str(problem)}))
    else:
        print(json.dumps({"path": str(path), "sha256": sha256}))
    return 0


@contextlib.contextmanager
def _room(folder: Path) -> Iterator[Path]:
    """A folder for one file, on the disk where the result will lie; those of killed workers are removed as well."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > 2 * WALL_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
    room = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
    try:
        for name in ("in", "out", "tmp"):
            (room / name).mkdir()
        if os.geteuid() == 0:
            # The process becomes another user where it can, and writes here as that one.
            for path in (room, room / "out", room / "tmp"):
                path.chmod(0o777)
            (room / "in").chmod(0o755)
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _lend(source: Path, room: Path) -> Path:
    """The file inside the room, under its own name: a second name for it, or a copy where that is not possible."""
    lent = room / "in" / source.name
    if source.stat().st_mode & stat.S_IROTH or os.geteuid() != 0:
        with contextlib.suppress(OSError):
            lent.hardlink_to(source)
            return lent
    shutil.copyfile(source, lent)
    lent.chmod(0o644)
    return lent


def _answer(command: list[str], room: Path) -> dict[str, Any] | None:
    """What the process says; None if it says nothing that can be read within its time."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HOME": str(room / "tmp"),
        "TMPDIR": str(room / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(  # our own command; the file's name is one argument of it
            command,
            cwd=REPOSITORY,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WALL_SECONDS,
            umask=0o022,
            check=False,
        )
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, UnicodeDecodeError, json.JSONDecodeError, IndexError):
        return None
    return answer if isinstance(answer, dict) else None


def _taken(out: Path, folder: Path, name: str) -> tuple[Path, str]:
    """Moves the one result into ``folder``: a plain file whose content has the SHA-256 that it is named by."""
    from saliency_core.classifiers.weights import sha256_of
    from saliency_core.errors import WeightsError

    files = list(out.iterdir()) if out.is_dir() and not out.is_symlink() else []
    named = _RESULT.fullmatch(files[0].name) if len(files) == 1 else None
    if named is None or not stat.S_ISREG(files[0].lstat().st_mode) or sha256_of(files[0]) != named[1]:
        raise WeightsError(f"{name} is refused: reading it ended in a way that reading weights never does.")
    if os.geteuid() == 0:
        os.chown(files[0], 0, 0)
    files[0].chmod(0o644)
    return files[0].replace(folder / files[0].name), named[1]


def _under_own_names(state_dict: dict[str, Any], builtin_key: str) -> dict[str, Any]:
    from saliency_core.classifiers.architectures import Architecture, build
    from saliency_core.classifiers.catalogue import builtin_classifier
    from saliency_core.classifiers.weights import renamed_by_order

    if not builtin_key or not builtin_classifier(builtin_key).renamed_by_order:
        return state_dict
    builtin = builtin_classifier(builtin_key)
    return renamed_by_order(build(Architecture(builtin.library, builtin.architecture)), state_dict)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
