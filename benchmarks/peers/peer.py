"""Our end of the peers' process: starts it, gives it tasks, waits for the answers."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

# What saliency_core.scoring.memory arranges for our own process, as glibc reads it from the environment.
KEEP_FREED_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


class Peer:
    """A process in the peers' environment, to be used as a context manager."""

    def __init__(self, python: Path, folder: Path, threads: int, *, keep_freed_memory: bool = False) -> None:
        command = [str(python), "-m", "benchmarks.peers.peer_process", str(folder), str(threads)]
        more = KEEP_FREED_MEMORY if keep_freed_memory else {}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**_environment(), **more, "PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"},
            cwd=Path(__file__).parents[2],
        )

    def open(self, material: Path, network: str, weights: Path, layer: str | None) -> None:
        """What the next tasks work on."""
        self._ask(material=str(material), network=network, weights=str(weights), layer=layer)

    def run(
        self, task: str, *, images: int, batch: int, **options: Any
    ) -> tuple[float, npt.NDArray[np.float32]]:
        """Seconds that the task took there, and its result."""
        answer = self._ask(task=task, images=images, batch=batch, **options)
        return answer["seconds"], np.load(answer["result"])

    def _ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The peers' process ended at {request}; what it said stands above.")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _environment() -> dict[str, str]:
    """Ours, but for how torch's waiting threads wait (see saliency_core.lazy): the peers' wait as torch has it."""
    return {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
