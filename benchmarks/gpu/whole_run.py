"""A benchmark from files to figures: does reading the images hold the card up, and does copying them to it?"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier
from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.experiments import runner
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.runner import run_benchmark
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import find_batch_size
from saliency_core.scoring.scorer import Scorer


def whole_run(report: Report, models: list[str], images: int, precision: str) -> None:
    """Images per second of Grad-CAM with insertion and deletion: decoding, then from the pixel cache."""
    report.heading(f"From files to figures: {images} JPEG files, 500 × 375, Grad-CAM, {precision}")
    rows = []
    with photographs(images) as dataset:
        for name in models:
            with Run(name, dataset, precision) as run:
                decoding = run.images_per_second()
                run.images_per_second(cached=True)
                kept = run.images_per_second(cached=True)
            rows.append([name, f"{decoding:.1f}", f"{kept:.1f}", f"{run.forwards * kept:.0f}"])
    report.table(["network", "images/s, decoding", "images/s, from the pixel cache", "copies scored/s"], rows)


def transfer(report: Report, model: str, images: int, precision: str, turns: int = 3) -> None:
    """Images per second with images copied ahead from page-locked memory, and copied when they are needed; from the
    pixel cache, in turns.
    """
    report.heading(f"Copying images to the card: {model}, {images} images, Grad-CAM, {precision}")
    found: dict[str, list[float]] = {"ahead, from page-locked memory": [], "when they are needed": []}
    ahead, needed = found
    with photographs(images) as dataset, Run(model, dataset, precision) as run:
        run.images_per_second(cached=True)
        for _ in range(turns):
            found[ahead].append(run.images_per_second(cached=True))
            with patch.object(runner, "uploader", lambda device: None):
                found[needed].append(run.images_per_second(cached=True))
    ratio = statistics.median(a / b for a, b in zip(found[ahead], found[needed], strict=True))
    rows = [(title, f"{statistics.median(rates):.1f}") for title, rates in found.items()]
    report.table(["copied", "images/s"], [*rows, ("ratio, median of turns", f"{ratio:.3f}")])


@contextmanager
def photographs(number: int) -> Iterator[Dataset]:
    """JPEG files of 500 × 375, of one class."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "class")
        photos.mkdir(parents=True)
        generator = np.random.default_rng(0)
        for count in range(number):
            coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            picture = Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC)
            picture.save(photos / f"{count}.jpg")
        yield open_dataset("image-folder", folder)


class Run:
    """Grad-CAM (ViT: Transformer Attribution) with insertion and deletion on a whole data set, with a cache of pixels
    of its own.
    """

    def __init__(self, model: str, dataset: Dataset, precision: str) -> None:
        self._classifier = random_classifier(model, "cuda")
        find_batch_size(self._classifier, precision)
        key = "grad_cam" if self._classifier.family == "cnn" else "transformer_attribution"
        self._method = create_method(key, self._classifier)
        self._experiment = create_experiment("insertion_deletion", "thesis@1")
        self._scorer = Scorer(self._classifier, precision=precision)
        self._dataset = dataset
        self._folder = tempfile.TemporaryDirectory()
        self.forwards = self._experiment.forwards_per_image(self._experiment.protocol)

    def __enter__(self) -> Run:
        self._measure(32, None)  # compiles the network
        return self

    def __exit__(self, *problem: object) -> None:
        self._folder.cleanup()

    def images_per_second(self, *, cached: bool = False) -> float:
        begin = time.perf_counter()
        self._measure(len(self._dataset), Path(self._folder.name) if cached else None)
        return len(self._dataset) / (time.perf_counter() - begin)

    def _measure(self, images: int, pixel_folder: Path | None) -> None:
        run_benchmark(
            self._classifier,
            self._dataset,
            range(min(images, len(self._dataset))),
            self._method,
            [self._experiment],
            self._scorer,
            pixel_folder=pixel_folder,
        )
