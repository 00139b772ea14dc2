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
from pathlib import Path

from benchmarks.models import random_classifier, random_explained
from benchmarks.raw_rate import best_raw_rate, seconds
from benchmarks.tables import markdown, write
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.runner import IMAGES_PER_CHUNK
from saliency_core.scoring.batch_size import choose_batch_size, measure_batch_sizes, remember_batch_size
from saliency_core.scoring.memory import keep_freed_memory
from saliency_core.scoring.runtime_network import score_in_bulk
from saliency_core.scoring.scorer import Scorer

MODELS = {"cpu": ("squeezenet1_1", "resnet18", "timm:deit_tiny_patch16_224"),
          "cuda": ("vgg19", "resnet18", "timm:vit_base_patch16_224")}  # fmt: skip
GOAL = 0.95
TURNS = 5


def measured(
    name: str, device: str, precision: str, turns: int = TURNS, at_least: float = 1.0
) -> dict[str, object]:
    """A row of the table; the raw rate is timed for ``at_least`` seconds before and after every turn."""
    classifier = random_classifier(name, device)
    score_in_bulk(classifier)
    rates = measure_batch_sizes(classifier, precision)
    remember_batch_size(classifier, precision, choose_batch_size(rates, device))
    raw, setting = best_raw_rate(classifier, precision)
    scorer = Scorer(classifier, precision=precision)
    experiment = create_experiment("insertion_deletion", "thesis@1")
    images_at_once = IMAGES_PER_CHUNK[device]
    given = random_explained(classifier, scorer, images_at_once)
    forwards = experiment.forwards_per_image(experiment.protocol) * images_at_once
    experiment.measure(given)
    ratios, raw_rates, scored = [], [], []
    for _ in range(turns):
        before = raw.passes_per_second(at_least)
        spent = seconds(lambda: experiment.measure(given), classifier.device)
        raw_rates.append((before + raw.passes_per_second(at_least)) / 2)
        scored.append(forwards / spent)
        ratios.append(scored[-1] / raw_rates[-1])
    return {
        "model": name, "precision": precision, "raw": statistics.median(raw_rates), "raw_setting": setting,
        "batch": scorer.batch_size, "scored": statistics.median(scored),
        "images": statistics.median(scored) / (forwards / images_at_once), "efficiency": statistics.median(ratios),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--precision", action="append", choices=("fp32", "fast"))
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--table", type=Path, metavar="FILE", help="write a Markdown table there as well")
    options = parser.parse_args()
    if options.device == "cpu":
        keep_freed_memory()
    rows = []
    for name in options.models or MODELS[options.device]:
        for precision in options.precision or ("fp32",):
            row = measured(name, options.device, precision, options.turns)
            rows.append(row)
            print(line(row), flush=True)
    write(options.table, table(rows, options.device))


def line(row: dict[str, object]) -> str:
    return (
        f"{row['model']}, {row['precision']}: raw {row['raw']:.1f} forwards/s ({row['raw_setting']}), scored "
        f"{row['scored']:.1f}/s in batches of {row['batch']}, {row['images']:.2f} images/s, "
        f"efficiency {row['efficiency']:.2f}"
    )


def table(rows: list[dict[str, object]], device: str) -> str:
    headings = (
        "model",
        "precision",
        ">raw forwards/s",
        "at",
        ">scored/s",
        ">batch",
        ">images/s",
        ">efficiency",
    )
    cells = [
        (row["model"], row["precision"], f"{row['raw']:.1f}", row["raw_setting"], f"{row['scored']:.1f}",
         row["batch"], f"{row['images']:.2f}", f"{row['efficiency']:.2f}")
        for row in rows
    ]  # fmt: skip
    title = f"Insertion and deletion: share of the raw forward rate (goal {GOAL})"
    return markdown(title, headings, cells, device)


if __name__ == "__main__":
    main()
