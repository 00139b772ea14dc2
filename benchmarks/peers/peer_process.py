"""The peers' side: a process in their environment that does one task after another for the comparison.

Reads one JSON object a line: {"material": FILE, "network": NAME, "weights": FILE, "layer": NAME} changes what is worked
on; {"task": NAME, "batch": N, "images": N, …} runs a task and answers {"seconds": S, "result": FILE}.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.networks import network
from benchmarks.peers.peer_tasks import TASKS, Material


def opened(request: dict[str, Any]) -> Material:
    with np.load(request["material"]) as stored:
        return Material(
            network(request["network"], Path(request["weights"])),
            torch.from_numpy(stored["images"]),
            stored["targets"].tolist(),
            torch.from_numpy(stored["maps"]),
            request["layer"],
        )


def main() -> None:
    folder, answers = Path(sys.argv[1]), sys.stdout
    warnings.simplefilter("ignore")
    torch.set_num_threads(int(sys.argv[2]))
    material: Material | None = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "material" in request:
            material = opened(request)
        else:
            assert material is not None
            task, chosen = TASKS[request.pop("task")], material.first(request.pop("images"))
            with contextlib.redirect_stdout(sys.stderr):  # answers alone go to the caller
                start = time.perf_counter()
                result = task(chosen, **request)
                answer["seconds"] = time.perf_counter() - start
            np.save(folder / "result.npy", result)
            answer["result"] = str(folder / "result.npy")
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
