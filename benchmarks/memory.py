"""Peak memory of this process: constant in images, steps and channels; goal under 2 GB per worker.

    python -m benchmarks.memory [--images 50000] [--table FILE]

Every case runs in a process of its own, whose peak is the largest resident size that the system saw, torch and all
libraries included. Nothing is scored in earnest: a small network, images drawn in memory, and as many images, steps
or channels as the case is about. ``--images`` go through the cache of decoded pixels twice (7.5 GB of temporary files
for 50,000); the second time nothing may be decoded.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.tables import markdown, write
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset, Sample
from saliency_core.experiments.base import Experiment, create_experiment
from saliency_core.experiments.insertion_deletion import InsertionDeletion, InsertionDeletionProtocol
from saliency_core.experiments.runner import run_benchmark
from saliency_core.lazy import torch
from saliency_core.methods.registry import create_method
from saliency_core.scoring.scorer import Scorer

GOAL_MEGABYTES = 2000
SHARD_IMAGES = 1000  # the largest that workers get
SIZE = 224


class Small(torch.nn.Module):
    """A convolution of ``channels`` feature maps of 28 × 28, their means, 10 classes: forward passes cost nothing."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, channels, 8, stride=8), torch.nn.ReLU(inplace=True)
        )
        self.head = torch.nn.Linear(channels, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).mean((2, 3)))


class Drawn(Dataset):
    """``number`` images of noise; all have the same file, for the cache to look at its time of change."""

    def __init__(self, file: Path, number: int) -> None:
        self.file, self.number, self.decoded = file, number, 0

    def __len__(self) -> int:
        return self.number

    def sample(self, index: int) -> Sample:
        return Sample(f"{index:06d}.png", self.file)

    def image(self, index: int) -> Image.Image:
        self.decoded += 1
        pixels = np.random.default_rng(index).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
        return Image.fromarray(pixels)

    def fingerprint(self) -> str:
        return f"drawn {self.number}"

    def problems(self) -> list[dict[str, str]]:
        return []


def small_classifier(channels: int) -> Classifier:
    torch.manual_seed(0)
    return Classifier(Small(channels), name="small", preprocessing=Preprocessing(size=SIZE))


def insertion(step_pixels: int) -> InsertionDeletion:
    protocol = InsertionDeletionProtocol(
        name="memory@1", summary="for this benchmark", source="none", step_pixels=step_pixels
    )
    return InsertionDeletion(protocol)


def run(
    images: int, experiment: Experiment, method: str, channels: int, pixels: Path | None, times: int = 1
) -> dict[str, float]:
    """What happened: images decoded, seconds and the peak in MB, ``times`` over."""
    classifier = small_classifier(channels)
    decoded = 0
    start = time.perf_counter()
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(times):
            dataset = Drawn(Path(file.name), images)
            for first in range(0, images, SHARD_IMAGES):  # as a worker gets them
                run_benchmark(
                    classifier, dataset, range(first, min(images, first + SHARD_IMAGES)),
                    create_method(method, classifier), [experiment], Scorer(classifier), pixel_folder=pixels,
                )  # fmt: skip
            decoded = dataset.decoded
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"decoded": decoded, "seconds": time.perf_counter() - start, "megabytes": peak}


def with_pixels(images: int, times: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        return run(images, create_experiment("sparsity", "gini@1"), "random_map", 8, Path(folder), times)


CASES = {
    "images": {
        "50 images": lambda: run(50, insertion(12544), "random_map", 8, None),
        "500 images": lambda: run(500, insertion(12544), "random_map", 8, None),
    },
    "steps": {
        "4 steps": lambda: run(4, insertion(12544), "random_map", 8, None),
        "112 steps": lambda: run(4, insertion(448), "random_map", 8, None),
        "896 steps": lambda: run(4, insertion(56), "random_map", 8, None),
    },
    "channels": {
        "Score-CAM of 16 channels": lambda: run(4, insertion(12544), "score_cam", 16, None),
        "Score-CAM of 256 channels": lambda: run(4, insertion(12544), "score_cam", 256, None),
        "Score-CAM of 1024 channels": lambda: run(4, insertion(12544), "score_cam", 1024, None),
    },
}


def in_a_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=50_000, help="for the cache of pixels; 0 leaves it out")
    parser.add_argument("--table", type=Path, metavar="FILE")
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)  # what the processes started here run
    options = parser.parse_args()
    if options.case:
        group, name = options.case
        found = with_pixels(int(name), 2) if group == "pixels" else CASES[group][name]()
        print(json.dumps(found))
        return
    planned = [(group, name) for group, cases in CASES.items() for name in cases]
    if options.images:
        planned += [("pixels", str(max(1, options.images // 10))), ("pixels", str(options.images))]
    rows = []
    for group, name in planned:
        found = in_a_process("--case", group, name)
        goal = "met" if found["megabytes"] < GOAL_MEGABYTES else "MISSED"
        title = name
        if group == "pixels":
            title = f"{int(name):,} images twice through the cache, {found['decoded']:,.0f} decoded the second time"
            goal = goal if not found["decoded"] else "MISSED"
        rows.append((group, title, f"{found['seconds']:.0f}", f"{found['megabytes']:.0f}", goal))
        print(
            f"{group}: {title}, {found['seconds']:.0f} s, peak {found['megabytes']:.0f} MB, {goal}",
            flush=True,
        )
    headings = ("more", "case", ">seconds", ">peak, MB", f"under {GOAL_MEGABYTES} MB")
    write(options.table, markdown("Memory", headings, rows))


if __name__ == "__main__":
    main()
