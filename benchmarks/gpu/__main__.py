"""Everything that is to be known of a GPU, in one run from a bare machine with torch, torchvision and timm.

    python -m benchmarks.gpu [--out FILE] [--photos FOLDER --weights-folder FOLDER] [--part PART …] [--brief]
                             [--model MODEL …] [--precision PRECISION …]

Prints Markdown tables: the card's own ceilings, forward passes per second by precision and batch, scoring efficiency
and what it is made of, copying images to the card, methods against the raw rate, projected hours of the thesis' table
3-2, a whole run from files, profiles, equality of processor and card, and what the precision `fast` moves. The last two
need real weights (squeezenet1_1.safetensors and deit_tiny_patch16_224.safetensors) and photographs in class folders;
all else runs on random weights, on which speed does not depend.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks import fast_precision, method_efficiency, scoring_efficiency
from benchmarks.gpu.agreement import agreement
from benchmarks.gpu.card import ceilings
from benchmarks.gpu.parts_of_scoring import parts_of_scoring
from benchmarks.gpu.profiles import profiles
from benchmarks.gpu.rates import forward_rates, variants
from benchmarks.gpu.report import Report
from benchmarks.gpu.thesis_table import projected_hours
from benchmarks.gpu.whole_run import transfer, whole_run
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.subset import subset_indices

MODELS = ["vgg19", "resnet18", "timm:vit_base_patch16_224"]
REAL = {"squeezenet1_1": "grad_cam", "timm:deit_tiny_patch16_224": "transformer_attribution"}
PARTS = (
    "rates", "efficiency", "scoring", "transfer", "methods", "table", "run", "profile", "agreement", "fast", "variants",
)  # fmt: skip
METHODS = ("group_cam", "msg_cam", "transformer_attribution")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, metavar="FILE")
    parser.add_argument("--photos", metavar="FOLDER")
    parser.add_argument("--weights-folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--part", action="append", choices=PARTS, help="only these; the default is all but variants"
    )
    parser.add_argument("--model", action="append", help="of efficiency, run and profile: only these")
    parser.add_argument("--precision", action="append", choices=("fp32", "fast"), help="of efficiency")
    parser.add_argument("--brief", action="store_true", help="smaller everywhere: a trial of the script")
    options = parser.parse_args()
    report, brief = Report(options.out), options.brief
    parts = options.part or PARTS[:-1]
    models = options.model or MODELS
    begun = time.monotonic()

    def took(part: str) -> None:
        print(f"({part}: {time.monotonic() - begun:.0f} s since the start)", flush=True)

    card = ceilings(report)
    if "rates" in parts:
        forward_rates(
            report, MODELS, ["fp32", "fast"] if brief else ["fp32", "tf32", "bf16", "fast"],
            [256] if brief else [64, 128, 256, 512], card,
        )  # fmt: skip
        took("rates")
    if "variants" in parts:
        variants(report, MODELS)
        took("variants")
    scored = {"fp32": 1000.0, "fast": 8000.0}
    if "efficiency" in parts:
        networks = options.model or (MODELS[:2] if brief else MODELS)
        scored |= efficiency(report, networks, options.precision or ["fp32", "fast"], 3 if brief else 5)
        took("efficiency")
    if "scoring" in parts:
        parts_of_scoring(report, "resnet18", "fast")
        took("scoring")
    if "transfer" in parts:
        transfer(report, "resnet18", 320 if brief else 960, "fast")
        took("transfer")
    if "methods" in parts:
        methods(report)
        took("methods")
    if "table" in parts:
        projected_hours(report, "vgg19", scored)
        took("table")
    if "run" in parts:
        whole_run(report, models[:1] if brief else models, 64 if brief else 320, "fast")
        took("run")
    if "profile" in parts:
        profiles(report, models, "fast")
        took("profile")
    if options.photos and options.weights_folder:
        dataset = open_dataset("image-folder", options.photos)
        for model, method in REAL.items():
            weights = str(options.weights_folder / f"{model.removeprefix('timm:')}.safetensors")
            if "agreement" in parts:
                agreement(
                    report,
                    model,
                    weights,
                    dataset,
                    subset_indices(len(dataset), 4, seed=0),
                    20 if brief else 60,
                )
                took("agreement")
            if "fast" in parts:
                report.heading(f"What `fast` moves: {model}, {method}")
                for line in fast_precision.compared(
                    model, weights, "cuda", method, dataset, 20 if brief else 200
                ):
                    report.say(f"- {line}")
                took("fast")


def efficiency(
    report: Report, models: Sequence[str], precisions: Sequence[str], turns: int
) -> dict[str, float]:
    """The table of `benchmarks.scoring_efficiency`; returns copies scored per second on VGG19 by precision."""
    report.heading("Insertion and deletion against the raw forward rate")
    rows, scored = [], {}
    for name in models:
        for precision in precisions:
            row = scoring_efficiency.measured(name, "cuda", precision, turns=turns, at_least=0.3)
            rows.append(row)
            print(scoring_efficiency.line(row), flush=True)
            if name == "vgg19":
                scored[precision] = float(row["scored"])  # type: ignore[arg-type]
            torch.cuda.empty_cache()
    report.say(scoring_efficiency.table(rows, "cuda"))
    return scored


def methods(report: Report) -> None:
    """Rows of `benchmarks.method_efficiency` for the methods that are neither all forward passes nor one."""
    report.heading("Methods against the raw forward rate, fp32, 32 images together")
    rows = []
    for name in MODELS[1:]:
        for row in method_efficiency.rows_of(name, "cuda", METHODS):
            rows.append(row)
            print(method_efficiency.line(row), flush=True)
        torch.cuda.empty_cache()
    report.table([heading.removeprefix(">") for heading in method_efficiency.HEADINGS], rows)


if __name__ == "__main__":
    main()
