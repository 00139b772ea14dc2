"""How much of a network's own forward rate insertion and deletion keep.

    python -m benchmarks.scoring_efficiency [--device cuda] [--precision fast] [MODEL …]

Efficiency is images scored per second × forward passes per image ÷ raw forward passes per second. The raw rate is
the best over batch sizes and memory formats, of the bare network in inference mode on ready tensors: nothing is
composed, no score is taken. Scoring is the whole of the experiment after the map: canvases, order of the pixels,
composing, scoring, areas. Both are timed in turns, so that what else the machine does falls on both; the median of the
turns' ratios counts. Weights are random: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.models import random_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import Explained, create_experiment
from saliency_core.experiments.runner import IMAGES_PER_CHUNK
from saliency_core.methods.registry import create_method
from saliency_core.provenance import device_name
from saliency_core.scoring.batch_size import (
    CANDIDATES,
    batch_size_of,
    choose_batch_size,
    measure_batch_sizes,
    remember_batch_size,
)
from saliency_core.scoring.memory import keep_freed_memory
from saliency_core.scoring.precision import network_in, numeric_precision, picture_format
from saliency_core.scoring.scorer import Scorer

MODELS = {"cpu": ("squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224"),
          "cuda": ("vgg19", "resnet18", "timm:vit_base_patch16_224")}  # fmt: skip
GOAL = 0.95
TURNS = 7


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
    ) -> None:
        size = classifier.preprocessing.size
        self.classifier, self.precision, self.batch_size = classifier, precision, batch_size
        images = torch.randn(batch_size, 3, size, size, device=classifier.device)
        dtype, _ = picture_format(precision, classifier.device)
        self.images = images.to(dtype, memory_format=memory_format)
        self.network = network_in(precision, classifier, compiled=compiled)

    def passes_per_second(self, at_least: float) -> float:
        device, done, spent = self.classifier.device, 0, 0.0
        with torch.inference_mode(), numeric_precision(self.precision, device):
            while spent < at_least:
                spent += seconds(lambda: self.network(self.images), device)
                done += self.batch_size
        return done / spent


def best_raw_rate(classifier: Classifier, precision: str) -> tuple[RawRate, str]:
    """The fastest of all batch sizes and both memory formats, each timed in three turns of which the best counts."""
    formats = {"channels last": torch.channels_last, "contiguous": torch.contiguous_format}
    tried = {
        f"batch {batch_size}, {name}": RawRate(classifier, precision, batch_size, memory_format)
        for batch_size in CANDIDATES[classifier.device.type]
        for name, memory_format in formats.items()
    }
    best = dict.fromkeys(tried, 0.0)
    long_enough = 0.25 if classifier.device.type == "cpu" else 0.1
    for _ in range(4):  # the first turn warms up
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


def explained_images(
    classifier: Classifier,
    scorer: Scorer,
    number: int,
    *,
    images: torch.Tensor | None = None,
    maps: torch.Tensor | None = None,
    targets: torch.Tensor | None = None,
) -> Explained:
    """What an experiment measures; pictures and maps are random where they are not given."""
    size = classifier.preprocessing.size
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(number, 3, size, size, generator=generator) if images is None else images
    maps = torch.rand(number, size, size, generator=generator) if maps is None else maps
    targets = torch.zeros(number, dtype=torch.int64) if targets is None else targets
    targets = targets.to(classifier.device)
    return Explained(
        classifier=classifier,
        method=create_method("random_map", classifier),
        images=images.to(classifier.device),
        maps=maps.to(classifier.device),
        targets=targets,
        labels=targets,
        degenerate=torch.zeros(number, dtype=torch.bool, device=classifier.device),
        identifiers=[str(each) for each in range(number)],
        indices=list(range(number)),
        truths=[None] * number,
        unit_labels=[None] * number,
        scorer=scorer,
    )


def measured(
    name: str, device: str, precision: str, turns: int = TURNS, at_least: float = 1.0
) -> dict[str, object]:
    """A row of the table; the raw rate is timed for ``at_least`` seconds before and after every turn."""
    classifier = random_classifier(name, device)
    rates = measure_batch_sizes(classifier, precision)
    remember_batch_size(classifier, precision, choose_batch_size(rates))
    raw, setting = best_raw_rate(classifier, precision)
    scorer = Scorer(classifier, precision=precision)
    experiment = create_experiment("insertion_deletion", "thesis@1")
    images_at_once = IMAGES_PER_CHUNK[device]
    explained = explained_images(classifier, scorer, images_at_once)
    forwards = experiment.forwards_per_image(experiment.protocol) * images_at_once
    experiment.measure(explained)
    ratios, raw_rates, scored = [], [], []
    for _ in range(turns):
        before = raw.passes_per_second(at_least)
        spent = seconds(lambda: experiment.measure(explained), classifier.device)
        raw_rates.append((before + raw.passes_per_second(at_least)) / 2)
        scored.append(forwards / spent)
        ratios.append(scored[-1] / raw_rates[-1])
    return {
        "model": name, "precision": precision, "raw": statistics.median(raw_rates), "raw_setting": setting,
        "batch": scorer.batch_size, "scored": statistics.median(scored),
        "images": statistics.median(scored) / (forwards / images_at_once), "efficiency": statistics.median(ratios),
    }  # fmt: skip


def line(row: dict[str, object]) -> str:
    return (
        f"{row['model']}, {row['precision']}: raw {row['raw']:.1f} forwards/s ({row['raw_setting']}), scored "
        f"{row['scored']:.1f}/s in batches of {row['batch']}, {row['images']:.2f} images/s, "
        f"efficiency {row['efficiency']:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", action="append", choices=("fp32", "fast"))
    parser.add_argument("--table", type=Path, metavar="FILE", help="write a Markdown table there as well")
    options = parser.parse_args()
    if options.device == "cpu":
        keep_freed_memory()
    rows = []
    for name in options.models or MODELS[options.device]:
        for precision in options.precision or ("fp32",):
            row = measured(name, options.device, precision)
            rows.append(row)
            print(line(row), flush=True)
    if options.table:
        options.table.write_text(table(rows, device_name(torch.device(options.device))), encoding="utf-8")


def table(rows: list[dict[str, object]], device: str) -> str:
    lines = [
        f"Device: {device}, torch {torch.__version__}, {torch.get_num_threads()} threads.",
        "",
        "| model | precision | raw forwards/s | at | scored/s | batch | images/s | efficiency |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        lines.append(
            f"| {row['model']} | {row['precision']} | {row['raw']:.1f} | {row['raw_setting']} | {row['scored']:.1f} | "
            f"{row['batch']} | {row['images']:.2f} | {row['efficiency']:.2f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
