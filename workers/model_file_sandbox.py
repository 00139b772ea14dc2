"""Opens one model file in a process of its own, with limits and, where that is possible, without network.

`python -m workers.model_file_sandbox FILE FOLDER SIZE [KEY]` reads a state dict, writes it to FOLDER as
safetensors under its SHA-256 and prints one line of JSON: {"path", "sha256"} or {"problem"}. KEY is the built-in
classifier whose names the tensors get where its file has others. An ONNX file is converted and classifies noise of
SIZE pixels a side; if all is well it is copied to FOLDER as it is, under its SHA-256, and only then do other
processes open it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

CPU_SECONDS = 300
WALL_SECONDS = 600
MEMORY_BYTES = 12 * 1024**3
FILE_BYTES = 4 * 1024**3
CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000


def convert_in_sandbox(
    source: Path, folder: Path, builtin_key: str = "", size: int = 224
) -> tuple[Path, str]:
    """Converts `source` in another process. Returns the safetensors (or ONNX) file and its SHA-256.

    Raises WeightsError with what the process said, or that it went past its limits.
    """
    from saliency_core.errors import WeightsError

    command = [
        sys.executable,
        "-m",
        "workers.model_file_sandbox",
        str(source),
        str(folder),
        str(size),
        builtin_key,
    ]
    environment = {"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1", "HOME": "/nonexistent"}
    try:
        done = subprocess.run(
            command,
            cwd=Path(__file__).resolve().parent.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WALL_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout.strip().splitlines()[-1])
    except (subprocess.TimeoutExpired, json.JSONDecodeError, IndexError):
        way_out = (
            "Export a smaller network."
            if source.suffix.lower() == ".onnx"
            else "Save the weights as safetensors and upload that file."
        )
        raise WeightsError(f"Reading {source.name} took too much time or memory. {way_out}") from None
    if "problem" in answer:
        raise WeightsError(answer["problem"])
    return Path(answer["path"]), answer["sha256"]


def main(source: Path, folder: Path, size: int, builtin_key: str = "") -> int:
    """The process inside: shuts itself in, then reads."""
    _limit()
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


def _under_own_names(state_dict: dict[str, Any], builtin_key: str) -> dict[str, Any]:
    from saliency_core.classifiers.architectures import Architecture, build
    from saliency_core.classifiers.catalogue import builtin_classifier
    from saliency_core.classifiers.weights import renamed_by_order

    if not builtin_key or not builtin_classifier(builtin_key).renamed_by_order:
        return state_dict
    builtin = builtin_classifier(builtin_key)
    return renamed_by_order(build(Architecture(builtin.library, builtin.architecture)), state_dict)


def _limit() -> None:
    # A network namespace of its own has no way out. Where the system allows none, the other limits still hold.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        libc.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for limit, value in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]))
