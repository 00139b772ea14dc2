"""What insertion and deletion of a chunk of images take beside the forward passes."""

from __future__ import annotations

import time

import torch

from benchmarks.gpu.card import milliseconds
from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier, random_explained
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.runner import IMAGES_PER_CHUNK
from saliency_core.scoring.canvas import blurred_canvas
from saliency_core.scoring.precision import network_in, numeric_precision, picture_format
from saliency_core.scoring.ranked_copies import RankedCopies
from saliency_core.scoring.ranking import Curve, pixel_order
from saliency_core.scoring.scorer import Scorer


def parts_of_scoring(report: Report, model: str, precision: str, batch: int = 512) -> None:
    """Milliseconds of the canvas, of the order of the pixels, of composing all batches by either way, of the forward
    passes on ready pictures, and of the whole.
    """
    images = IMAGES_PER_CHUNK["cuda"]
    report.heading(f"Parts of insertion and deletion: {model}, {precision}, {images} images, batch {batch}")
    classifier = random_classifier(model, "cuda")
    experiment = create_experiment("insertion_deletion", "thesis@1")
    given = random_explained(classifier, Scorer(classifier, batch, precision), images)
    dtype, memory_format = picture_format(precision, classifier.device)
    sources = torch.stack([given.images, blurred_canvas(given.images)], dim=1)
    order = pixel_order(given.maps)
    curves = (Curve(1, 0), Curve(0, 1))

    def composed(fused: bool) -> int:
        copies = RankedCopies(sources.to(dtype), order, curves, 448, fused=fused)
        for first in range(0, copies.number, batch):
            copies.batch(first, batch)
        return copies.number

    rows = [("canvas", f"{milliseconds(lambda: blurred_canvas(given.images)):.2f}"),
            ("order of the pixels", f"{milliseconds(lambda: pixel_order(given.maps)):.2f}")]  # fmt: skip
    with torch.inference_mode():
        batches = -(-composed(False) // batch)
        for title, fused in (("composing, run by run", False), ("composing, fused", True)):
            rows.append((title, f"{milliseconds(lambda fused=fused: composed(fused)):.2f}"))
        network = network_in(precision, classifier)
        size = classifier.preprocessing.size
        pictures = torch.randn(batch, 3, size, size, device="cuda").to(dtype, memory_format=memory_format)
        with numeric_precision(precision, classifier.device):
            passes = milliseconds(lambda: [network(pictures) for _ in range(batches)])
    rows.append((f"{batches} forward passes", f"{passes:.2f}"))
    experiment.measure(given)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(5):
        experiment.measure(given)
    rows.append(("all of it, by the clock", f"{(time.perf_counter() - begin) / 5 * 1000:.2f}"))
    report.table(["", "ms"], rows)
