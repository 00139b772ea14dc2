"""Opens one model file in a process of its own that can do next to nothing else.

`python -m workers.model_file_sandbox FILE FOLDER SIZE [KEY]` reads a state dict, writes it to FOLDER as
safetensors under its SHA-256 and prints one line of JSON: {"granted", "path", "sha256"} or {"granted", "problem"}. KEY
is the built-in classifier whose names the tensors get where its file has others. An ONNX file is converted and
classifies noise of SIZE pixels a side; if all is well its plain form is written (saliency_core.classifiers.onnx_plain).
That is what other processes open: none of them ever parses the ONNX file.

The process meets the file in a folder that is made for it and removed afterwards, whatever happened; what it wrote
is looked at again before it is taken. What else it may do is in workers.sandbox; what of that the system did not
grant is told once by the worker's log.
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CPU_SECONDS = 300
WALL_SECONDS = 600
LOOK_SECONDS = 0.5
MEMORY_BYTES = 12 * 1024**3
FILE_BYTES = 4 * 1024**3
MOST_ANSWER_CHARACTERS = 4000
PREFIX = ".sandbox-"
REPOSITORY = Path(__file__).resolve().parent.parent
_RESULT = re.compile(r"([0-9a-f]{64})\.safetensors")


def convert_in_sandbox(
    source: Path,
    folder: Path,
    builtin_key: str = "",
    size: int = 224,
    check: Callable[[], None] = lambda: None,
) -> tuple[Path, str]:
    """Converts `source` in another process. Returns the file in `folder` that others open, and its SHA-256; of an ONNX
    file, which is kept as it is as well, the plain form and the SHA-256 of the ONNX file.

    Raises WeightsError with what the process said, or that it went past its limits. `check` is called twice a second;
    what it raises ends the process.
    """
    from saliency_core.errors import WeightsError
    from workers.sandbox.gaps import tell_of_gaps

    is_onnx = source.suffix.lower() == ".onnx"

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
        answer = _answer([*command, builtin_key], room, check)
        if answer is None:
            way_out = (
                "Export a smaller network."
                if is_onnx
                else "Save the weights as safetensors and upload that file."
            )
            raise WeightsError(f"Reading {source.name} took too much time or memory. {way_out}")
        granted = answer.get("granted")
        # From a process that a file may have taken over: whatever it is, it is only told.
        tell_of_gaps(map(str, granted) if isinstance(granted, list) else [])
        if "problem" in answer:
            raise WeightsError(str(answer["problem"])[:MOST_ANSWER_CHARACTERS])
        written = _taken(room / "out", source.name)
        if is_onnx:
            return _kept_with_original(written, source, folder)
        return written.replace(folder / written.name), written.stem


def plain_form_of(stored: Path, size: int) -> Path:
    """The plain form of an ONNX file that is kept under its SHA-256, made in the sandbox if it is not there: the file
    may have come from another machine, from a backup, or from a release that knew no plain form. Raises WeightsError.
    """
    from saliency_core.classifiers.onnx_plain import plain_name
    from saliency_core.classifiers.weights import sha256_of
    from saliency_core.errors import WeightsError

    plain = stored.with_name(plain_name(stored.stem))
    if plain.is_file():
        return plain
    if sha256_of(stored) != stored.stem:
        raise WeightsError(f"{stored.name} is damaged: its content has another SHA-256 than its name.")
    return convert_in_sandbox(stored, stored.parent, size=size)[0]


def main(source: Path, folder: Path, size: int, builtin_key: str = "") -> int:
    """The process inside: shuts itself in, then reads."""
    from workers.sandbox import confine

    granted = confine(
        file=source,
        folder=folder.parent,
        cpu_seconds=CPU_SECONDS,
        memory_bytes=MEMORY_BYTES,
        file_bytes=FILE_BYTES,
    )
    from saliency_core.classifiers.onnx_files import SUFFIX, store_checked
    from saliency_core.classifiers.weights import check_finite, read_state_dict, store_as_safetensors
    from saliency_core.errors import SaliscopeError

    try:
        if source.suffix.lower() == SUFFIX:
            path, sha256 = store_checked(source, size, folder)
        else:
            state_dict = read_state_dict(source)
            check_finite(state_dict, source.name)
            path, sha256 = store_as_safetensors(_under_own_names(state_dict, builtin_key), folder)
    except SaliscopeError as problem:
        print(json.dumps({"granted": granted, "problem": str(problem)}))
    else:
        print(json.dumps({"granted": granted, "path": str(path), "sha256": sha256}))
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


def _answer(command: list[str], room: Path, check: Callable[[], None]) -> dict[str, Any] | None:
    """What the process says; None if it says nothing that can be read within its time."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "HOME": str(room / "tmp"),
        "TMPDIR": str(room / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with subprocess.Popen(  # our own command; the file's name is one argument of it
        command,
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        umask=0o022,
    ) as process:
        try:
            said = _said(process, check)
        except BaseException:
            process.kill()
            raise
    try:
        answer = json.loads(said.decode().strip().splitlines()[-1])
    except (UnicodeDecodeError, json.JSONDecodeError, IndexError):
        return None
    return answer if isinstance(answer, dict) else None


def _said(process: subprocess.Popen[bytes], check: Callable[[], None]) -> bytes:
    """What it has written when it ends; nothing if it does not end within its time."""
    end = time.monotonic() + WALL_SECONDS
    while time.monotonic() < end:
        try:
            return process.communicate(timeout=LOOK_SECONDS)[0]
        except subprocess.TimeoutExpired:
            check()
    process.kill()
    process.communicate()
    return b""


def _taken(out: Path, name: str) -> Path:
    """The one result: a plain file whose content has the SHA-256 that it is named by, and nobody else's to change."""
    from saliency_core.classifiers.weights import sha256_of
    from saliency_core.errors import WeightsError

    files = list(out.iterdir()) if out.is_dir() and not out.is_symlink() else []
    named = _RESULT.fullmatch(files[0].name) if len(files) == 1 else None
    if named is None or not stat.S_ISREG(files[0].lstat().st_mode) or sha256_of(files[0]) != named[1]:
        raise WeightsError(f"{name} is refused: reading it ended in a way that reading weights never does.")
    if os.geteuid() == 0:
        os.chown(files[0], 0, 0)
    files[0].chmod(0o644)
    return files[0]


def _kept_with_original(plain: Path, source: Path, folder: Path) -> tuple[Path, str]:
    """Keeps the ONNX file under its SHA-256, for backups and other machines, and its plain form beside it."""
    from saliency_core.classifiers.onnx_files import store_onnx
    from saliency_core.classifiers.onnx_plain import plain_name
    from saliency_core.classifiers.weights import sha256_of

    sha256 = sha256_of(source)
    if source != folder / f"{sha256}.onnx":
        store_onnx(source, folder)
    return plain.replace(folder / plain_name(sha256)), sha256


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
