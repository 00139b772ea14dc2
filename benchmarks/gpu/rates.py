"""Forward passes per second of bare networks by precision, memory format and batch."""

from __future__ import annotations

import copy

import torch
from torch.fx.experimental.optimization import fuse
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.card import CEILING_OF, milliseconds
from benchmarks.gpu.report import Report
from benchmarks.models import random_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.scoring.precision import network_in, numeric_precision

FORMATS = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}


def gigaflops(classifier: Classifier) -> float:
    """Floating-point operations of one forward pass (a multiplication and an addition are two), in 10⁹."""
    size = classifier.preprocessing.size
    image = torch.zeros(1, 3, size, size, device=classifier.device)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        classifier.logits(image)
    return counter.get_total_flops() / 1e9


def forward_rates(
    report: Report,
    models: list[str],
    precisions: list[str],
    batches: list[int],
    ceilings: dict[str, float],
) -> None:
    report.heading("Forward passes per second")
    rows = []
    for name in models:
        classifier = random_classifier(name, "cuda")
        flops, size = gigaflops(classifier), classifier.preprocessing.size
        for precision in precisions:
            found: dict[tuple[str, int], float] = {}
            network = network_in(precision, classifier, compiled=False)
            for title, memory_format in FORMATS.items():
                for batch in batches:
                    images = torch.randn(batch, 3, size, size, device="cuda")
                    images = images.contiguous(memory_format=memory_format)
                    with torch.inference_mode(), numeric_precision(precision, classifier.device):
                        spent = milliseconds(
                            lambda images=images, network=network: network(images), repeats=3, warm_up=2
                        )
                    found[title, batch] = batch / spent * 1000
            for title in FORMATS:
                best = max(found[title, batch] for batch in batches)
                share = best * flops / 1000 / ceilings[CEILING_OF[precision]]
                rows.append(
                    [
                        f"{name}, {precision}, {title}",
                        f"{flops:.1f}",
                        *(f"{found[title, batch]:.0f}" for batch in batches),
                        f"{best * flops / 1000:.0f}",
                        f"{share:.2f}",
                    ]
                )
        del classifier, network
        torch.cuda.empty_cache()
    report.table(
        ["network", "GFLOP", *(f"batch {batch}" for batch in batches), "TFLOP/s at best", "of the ceiling"],
        rows,
    )


def variants(report: Report, models: list[str], batch: int = 256) -> None:
    """What else might make the bare network faster, in the precision `fast`, and cuDNN's search in fp32."""
    report.heading(f"Variants, forward passes per second in batches of {batch}")
    rows = []
    for name in models:
        for variant, spent in _variants_of(random_classifier(name, "cuda"), batch).items():
            rows.append((f"{name}, {variant}", f"{batch / spent * 1000:.0f}"))
        torch.cuda.empty_cache()
    report.table(["variant", "forwards/s"], rows)


def _variants_of(classifier: Classifier, batch: int) -> dict[str, float]:
    """Milliseconds of a batch."""
    size = classifier.preprocessing.size
    planar = torch.randn(batch, 3, size, size, device="cuda")
    images = planar.contiguous(memory_format=torch.channels_last)
    half = images.to(torch.bfloat16)
    network = copy.deepcopy(classifier.model).to(torch.bfloat16, memory_format=torch.channels_last)
    found = {}
    with torch.inference_mode():
        found["fast"] = milliseconds(lambda: network(half))
        torch.backends.cudnn.benchmark = True
        found["fast, cuDNN searches"] = milliseconds(lambda: network(half))
        with numeric_precision("fp32", classifier.device):
            found["fp32 contiguous, cuDNN searches"] = milliseconds(lambda: classifier.logits(planar), 3)
            found["fp32 channels last, cuDNN searches"] = milliseconds(lambda: classifier.logits(images), 3)
        torch.backends.cudnn.benchmark = False
        graph = _captured(network, half)
        found["fast, CUDA graph"] = milliseconds(graph.replay)
    if any(isinstance(module, torch.nn.BatchNorm2d) for module in classifier.model.modules()):
        folded = fuse(classifier.model).to(torch.bfloat16, memory_format=torch.channels_last)
        with torch.inference_mode():
            found["fast, BatchNorm folded"] = milliseconds(lambda: folded(half))
    with torch.no_grad():
        compiled = torch.compile(network)
        found["fast, torch.compile"] = milliseconds(lambda: compiled(half))
    return found


def _captured(network: torch.nn.Module, images: torch.Tensor) -> torch.cuda.CUDAGraph:
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            network(images)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        network(images)
    return graph
