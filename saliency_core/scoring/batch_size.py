"""How many pictures are scored together: what is fastest, found by measuring and remembered.

The fastest batch depends on the network and the device, not on how much memory there is: a small network on a CPU is
several times slower with 64 pictures than with 8, whose activations stay in its caches.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from saliency_core.lazy import torch
from saliency_core.scoring.runtime_network import score_in_bulk

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.methods.base import Method

# Until something was measured. 224 copies per image under thesis@1 fill 28 batches of 8; eight images seven of 256.
USUAL_BATCH_SIZES = {"cpu": 8, "cuda": 256}
CANDIDATES = {"cpu": (4, 8, 16, 32), "cuda": (32, 64, 128, 256, 512)}
# Of most methods a GPU is filled only by many images; those that need more memory than there is are halved once.
MAPS_AT_ONCE = {"cpu": 8, "cuda": 32}
# A larger batch must be so much faster to be preferred: it takes more memory, and pads more at the end. On a CPU what
# is measured is less certain, and batches are measured one by one, where small ones lose more than in a row.
WORTHWHILE = {"cpu": 1.05, "cuda": 1.02}
_SECONDS_PER_CANDIDATE = 0.8


def batch_size_of(classifier: Classifier, precision: str = "fp32") -> int:
    """The remembered batch size of the classifier on its device, or the usual one."""
    usual = USUAL_BATCH_SIZES.get(classifier.device.type, 8)
    return classifier.batch_sizes.get(precision, usual)


def remember_batch_size(classifier: Classifier, precision: str, batch_size: int) -> None:
    """From now on the classifier's scorers take batches of this size, unless told otherwise."""
    classifier.batch_sizes[precision] = batch_size


def map_batch_size_of(classifier: Classifier, method: Method) -> int:
    """How many maps of the method are made at once: MAPS_AT_ONCE, or what memory allowed when it last ran out."""
    usual = MAPS_AT_ONCE.get(classifier.device.type, 8)
    return classifier.map_batch_sizes.get(_identity(method), usual)


def remember_map_batch_size(classifier: Classifier, method: Method, batch_size: int) -> None:
    """From now on no more maps of the method with these parameters are made at once on the classifier."""
    classifier.map_batch_sizes[_identity(method)] = batch_size


def _identity(method: Method) -> str:
    return f"{method.description.key} {sorted(method.parameters.items())}"


def measure_batch_sizes(
    classifier: Classifier, precision: str = "fp32", seconds: float = _SECONDS_PER_CANDIDATE
) -> dict[int, float]:
    """Pictures per second for every candidate batch size, up to the first that memory does not allow.

    Every candidate is timed in turn, several rounds long, and its fastest batch counts: what else the machine does
    then falls on all of them alike.
    """
    from saliency_core.scoring.scorer import Scorer

    size = classifier.preprocessing.size
    fastest: dict[int, float] = {}
    scorers: dict[int, Scorer] = {}
    for batch_size in CANDIDATES.get(classifier.device.type, CANDIDATES["cpu"]):
        # Compiling for every candidate would take minutes, and moves them all about alike.
        scorer = Scorer(classifier, batch_size, precision, compiled=False)
        _seconds_of_batch(scorer, size)  # a first time is slower
        if scorer.batch_halvings:
            break
        scorers[batch_size] = scorer
    for _ in range(3):
        for batch_size, scorer in scorers.items():
            end = time.perf_counter() + seconds / 3
            while True:
                rate = batch_size / _seconds_of_batch(scorer, size)
                fastest[batch_size] = max(rate, fastest.get(batch_size, 0.0))
                if time.perf_counter() >= end:
                    break
    return fastest or {1: 1 / _seconds_of_batch(Scorer(classifier, 1, precision), size)}


def choose_batch_size(rates: dict[int, float], device: str = "cpu") -> int:
    """The smallest batch size that comes within 5 % of the fastest on a CPU, within 2 % on a GPU."""
    worthwhile, best = WORTHWHILE.get(device, WORTHWHILE["cpu"]), max(rates.values())
    return min(batch_size for batch_size, rate in rates.items() if rate * worthwhile >= best)


def find_batch_size(classifier: Classifier, precision: str = "fp32") -> int:
    """Measure, choose and remember; what is remembered already is kept. Takes about four seconds on a CPU. Whoever
    asks has much to score (see score_in_bulk).
    """
    score_in_bulk(classifier)
    if precision not in classifier.batch_sizes:
        rates = measure_batch_sizes(classifier, precision)
        remember_batch_size(classifier, precision, choose_batch_size(rates, classifier.device.type))
    return classifier.batch_sizes[precision]


def _seconds_of_batch(scorer: object, size: int) -> float:
    from saliency_core.scoring.scorer import Scorer

    assert isinstance(scorer, Scorer)
    pictures = torch.zeros(scorer.batch_size, 3, size, size, device=scorer.classifier.device)
    start = time.perf_counter()
    scorer.score_images(pictures)  # ends with a copy to the host, so the device has finished
    return time.perf_counter() - start
