"""The forward rate of a bare network: what every efficiency is a share of."""

from __future__ import annotations

import time
from collections.abc import Callable

from saliency_core.classifiers.classifier import Classifier
from saliency_core.lazy import torch
from saliency_core.scoring.batch_size import CANDIDATES, batch_size_of
from saliency_core.scoring.precision import arithmetic_of, network_in, numeric_precision, picture_format
from saliency_core.scoring.runtime_network import runtime_network


def seconds(work: Callable[[], object], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


class RawRate:
    """Forward passes of the bare network in one batch size and memory format."""

    def __init__(
        self,
        classifier: Classifier,
        precision: str,
        batch_size: int,
        memory_format: torch.memory_format,
        compiled: bool = False,
        network: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        size = classifier.preprocessing.size
        precision = arithmetic_of(precision, classifier)
        self.classifier, self.precision, self.batch_size = classifier, precision, batch_size
        images = torch.randn(batch_size, 3, size, size, device=classifier.device)
        dtype, _ = picture_format(precision, classifier.device)
        self.images = images.to(dtype, memory_format=memory_format)
        self.network = network or network_in(precision, classifier, compiled=compiled)

    def passes_per_second(self, at_least: float) -> float:
        device, done, spent = self.classifier.device, 0, 0.0
        with torch.inference_mode(), numeric_precision(self.precision, device):
            while spent < at_least:
                spent += seconds(lambda: self.network(self.images), device)
                done += self.batch_size
        return done / spent


def best_raw_rate(classifier: Classifier, precision: str, turns: int = 3) -> tuple[RawRate, str]:
    """The fastest of all batch sizes, both memory formats and, where the scorer has it, ONNX Runtime, each timed in
    several turns of which the best counts.
    """
    formats = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
    network = classifier.logits if arithmetic_of(precision, classifier) == "fp32" else None
    tried = {
        f"batch {batch_size}, {name}": RawRate(
            classifier, precision, batch_size, memory_format, network=network
        )
        for batch_size in CANDIDATES[classifier.device.type]
        for name, memory_format in formats.items()
    }
    runtime = runtime_network(classifier) if arithmetic_of(precision, classifier) == "fp32" else None
    for batch_size in CANDIDATES[classifier.device.type] if runtime else ():
        name = f"batch {batch_size}, ONNX Runtime"
        tried[name] = RawRate(classifier, precision, batch_size, torch.contiguous_format, network=runtime)
    best = dict.fromkeys(tried, 0.0)
    long_enough = 0.25 if classifier.device.type == "cpu" else 0.1
    for _ in range(turns + 1):  # the first turn warms up
        for name, raw in tried.items():
            best[name] = max(best[name], raw.passes_per_second(long_enough))
    fastest = max(best, key=lambda name: best[name])
    if classifier.device.type == "cuda" and precision == "fast":
        # Compiling for every candidate would take minutes: only the fastest, and what scoring uses.
        for batch_size in sorted({tried[fastest].batch_size, batch_size_of(classifier, precision)}):
            name = f"batch {batch_size}, compiled"
            tried[name] = RawRate(classifier, precision, batch_size, torch.channels_last, compiled=True)
            tried[name].passes_per_second(0.25)
            best[name] = max(tried[name].passes_per_second(0.25) for _ in range(3))
        fastest = max(best, key=lambda name: best[name])
    return tried[fastest], fastest
