"""A benchmark from files to figures: does reading the images hold the card up?"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier
from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.runner import run_benchmark
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import find_batch_size
from saliency_core.scoring.scorer import Scorer


def whole_run(report: Report, models: list[str], images: int, precision: str) -> None:
    """Images per second of Grad-CAM with insertion and deletion: decoding, then from the pixel cache."""
    report.heading(f"From files to figures: {images} JPEG files, 500 × 375, Grad-CAM, {precision}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        photos, cache = Path(folder, "photos", "class"), Path(folder, "cache")
        photos.mkdir(parents=True)
        generator = np.random.default_rng(0)
        for number in range(images):
            coarse = generator.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((500, 375), Image.Resampling.BICUBIC).save(
                photos / f"{number}.jpg"
            )
        dataset = open_dataset("image-folder", str(photos.parent))
        for name in models:
            kept_here = cache / name.replace(":", "-")
            kept_here.mkdir(parents=True)
            rows.append([name, *_rates(name, dataset, precision, kept_here)])
    report.table(["network", "images/s, decoding", "images/s, from the pixel cache", "copies scored/s"], rows)


def _rates(name: str, dataset: Dataset, precision: str, pixel_folder: Path) -> list[str]:
    """Images per second without and with the pixel cache, and copies scored per second with it."""
    classifier = random_classifier(name, "cuda")
    find_batch_size(classifier, precision)
    method = create_method(
        "grad_cam" if classifier.family == "cnn" else "transformer_attribution", classifier
    )
    experiment = create_experiment("insertion_deletion", "thesis@1")
    scorer = Scorer(classifier, precision=precision)

    def images_per_second(number: int, folder: Path | None) -> float:
        begin = time.perf_counter()
        run_benchmark(classifier, dataset, range(number), method, [experiment], scorer, pixel_folder=folder)
        return number / (time.perf_counter() - begin)

    images_per_second(16, None)
    decoding = images_per_second(len(dataset), None)
    images_per_second(len(dataset), pixel_folder)
    kept = images_per_second(len(dataset), pixel_folder)
    forwards = experiment.forwards_per_image(experiment.protocol)
    return [f"{decoding:.1f}", f"{kept:.1f}", f"{forwards * kept:.0f}"]
