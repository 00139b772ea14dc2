"""What the processor could do at most: the rate of large matrix products, and what share of it networks reach.

    python -m benchmarks.ceiling [--device cuda] [--table FILE] [MODEL …]

The ceiling is the fastest of some products of square matrices (torch.mm), two operations for each multiplication and
addition. Operations of a forward pass are counted by torch's FlopCounterMode on one image of 224 × 224. The rate
of forward passes is the raw rate of benchmarks.raw_rate.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.models import random_classifier
from benchmarks.raw_rate import best_raw_rate, seconds
from benchmarks.tables import markdown, write
from saliency_core.classifiers.classifier import Classifier
from saliency_core.scoring.memory import keep_freed_memory

MODELS = ("squeezenet1_1", "resnet18", "vgg19", "timm:deit_tiny_patch16_224", "timm:vit_base_patch16_224")
SIDES = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
PRECISIONS = {"fp32": torch.float32, "fast": torch.bfloat16}


def operations(classifier: Classifier) -> int:
    """Floating-point operations of one forward pass, two for each multiplication and addition."""
    size = classifier.preprocessing.size
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        classifier.logits(torch.zeros(1, 3, size, size, device=classifier.device))
    return counter.get_total_flops()


def product_rate(dtype: torch.dtype, device: torch.device) -> float:
    """Operations per second of torch.mm: the best of several sizes and ten turns."""
    best = 0.0
    for side in SIDES[device.type]:
        left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
        for _ in range(10):
            best = max(best, 2 * side**3 / seconds(lambda: torch.mm(left, right), device))  # noqa: B023
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--table", type=Path, metavar="FILE")
    options = parser.parse_args()
    device = torch.device(options.device)
    if options.device == "cpu":
        keep_freed_memory()
    ceilings = {precision: product_rate(dtype, device) for precision, dtype in PRECISIONS.items()}
    rows = []
    for name in options.models or MODELS:
        classifier = random_classifier(name, options.device)
        needed = operations(classifier)
        for precision, ceiling in ceilings.items():
            raw, setting = best_raw_rate(classifier, precision, turns=2)
            rate = raw.passes_per_second(1.0)
            reached = rate * needed
            row = (name, precision, f"{needed / 1e9:.2f}", f"{rate:.1f}", setting, f"{reached / 1e9:.0f}",
                   f"{ceiling / 1e9:.0f}", f"{reached / ceiling:.0%}")  # fmt: skip
            rows.append(row)
            print(", ".join(row), flush=True)
    headings = ("model", "precision", ">GFLOP a forward pass", ">raw forwards/s", "at", ">GFLOP/s",
                ">torch.mm GFLOP/s", ">share")  # fmt: skip
    write(options.table, markdown("Share of the matrix-product ceiling", headings, rows, options.device))


if __name__ == "__main__":
    main()
