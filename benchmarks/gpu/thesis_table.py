"""How long the thesis' table 3-2 takes on this card: seven methods, 50,000 images, insertion and deletion."""

from __future__ import annotations

import time

import torch

from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier
from saliency_core.experiments.base import create_experiment
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import batch_size_of

METHODS = ("grad_cam", "grad_cam_plus_plus", "xgrad_cam", "score_cam", "group_cam", "cameras", "msg_cam")
IMAGES = 50_000


def projected_hours(
    report: Report, model: str, scored_per_second: dict[str, float], images: int = 8, turns: int = 2
) -> None:
    """From the seconds of a map, in batches as a benchmark makes them, and of its insertion and deletion.

    ``scored_per_second``: copies that insertion and deletion score per second, by precision.
    """
    report.heading(f"Thesis table 3-2 on this card: {model}, {IMAGES:,} images")
    classifier = random_classifier(model, "cuda")
    size = classifier.preprocessing.size
    pictures = torch.randn(images, 3, size, size, generator=torch.Generator().manual_seed(0)).cuda()
    targets = torch.zeros(images, dtype=torch.int64, device="cuda")
    experiment = create_experiment("insertion_deletion", "thesis@1")
    forwards = experiment.forwards_per_image(experiment.protocol)
    totals = dict.fromkeys(scored_per_second, 0.0)
    rows = []
    for key in METHODS:
        method = create_method(key, classifier)
        method.explain(pictures, targets)
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        begin = time.perf_counter()
        for _ in range(turns):
            method.explain(pictures, targets)
        torch.cuda.synchronize()
        seconds = (time.perf_counter() - begin) / turns / images
        peak = torch.cuda.max_memory_allocated() / 1e9
        hours = {
            precision: IMAGES * (seconds + forwards / rate) / 3600
            for precision, rate in scored_per_second.items()
        }
        for precision, value in hours.items():
            totals[precision] += value
        rows.append(
            [
                key,
                f"{1000 * seconds:.1f}",
                f"{IMAGES * seconds / 3600:.2f}",
                f"{peak:.1f}",
                *(f"{value:.2f}" for value in hours.values()),
            ]
        )
    rows.append(["all seven", "", "", "", *(f"{value:.2f}" for value in totals.values())])
    report.table(
        ["method", "ms a map", "hours for the maps", "peak GB"]
        + [f"hours, scored in {precision}" for precision in scored_per_second],
        rows,
    )
    report.say(
        f"\nMaps are made in fp32, {images} images together, scores in batches of {batch_size_of(classifier)}; "
        f"{forwards} forward passes an image for insertion and deletion."
    )
