"""How fast a classifier runs on its device."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

from saliency_core.lazy import torch
from saliency_core.scoring.scorer import Scorer

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

_LEAST_BATCHES = 3


def measure_forward_rate(
    classifier: Classifier, batch_size: int | None = None, seconds: float = 2.0, precision: str = "fp32"
) -> float:
    """Images per second in the scorer's batches: the median over about ``seconds`` of batches after a warm-
    up.
    """
    scorer = Scorer(classifier, batch_size, precision)
    size = classifier.preprocessing.size
    images = torch.zeros(scorer.batch_size, 3, size, size, device=classifier.device)
    scorer.score_images(images)
    durations: list[float] = []
    while len(durations) < _LEAST_BATCHES or sum(durations) < seconds:
        start = time.perf_counter()
        scorer.score_images(images)  # ends with a copy to the host, so the device has finished
        durations.append(time.perf_counter() - start)
    return scorer.batch_size / float(np.median(durations))
