"""The command benchmark: one method over a data set."""

from __future__ import annotations

import argparse
import datetime
import sys
from functools import partial
from pathlib import Path
from typing import Any

from saliency_core.classifiers.classifier import Classifier
from saliency_core.cli.arguments import (
    add_method_options,
    add_model_options,
    chosen_classifier,
    chosen_method,
    chosen_settings,
    whole_number,
)
from saliency_core.cli.progress import ProgressBar
from saliency_core.datasets.base import FORMATS, Dataset, open_dataset
from saliency_core.datasets.subset import subset_indices
from saliency_core.experiments.base import Protocol, create_experiment
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.runner import run_benchmark
from saliency_core.experiments.summary import confidence_bins, summarise
from saliency_core.provenance import device_name, versions
from saliency_core.report import text_report, write_csv
from saliency_core.scoring.precision import PRECISIONS
from saliency_core.scoring.scorer import Scorer

_IMAGES_PER_PART = 16  # kept together when a run is stopped


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "benchmark",
        help="measure a method over a data set",
        description="Measure a method over a data set; writes one row per image and prints the summary.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument("--dataset", required=True, metavar="PATH")
    parser.add_argument("--format", default="image-folder", choices=[item.key for item in FORMATS])
    parser.add_argument(
        "--experiment", default="insertion_deletion", metavar="KEY", help="see the command experiments"
    )
    parser.add_argument("--protocol", default="thesis@1", metavar="NAME", help="preset@version")
    parser.add_argument("--limit", type=whole_number(1), metavar="N", help="measure N images drawn at random")
    parser.add_argument(
        "--subset-seed", type=whole_number(0), default=0, metavar="S", help="seed of that draw"
    )
    parser.add_argument("--batch-size", type=whole_number(1), metavar="N", help="pictures per forward pass")
    parser.add_argument("--precision", default="fp32", choices=PRECISIONS)
    parser.add_argument("--out", required=True, metavar="FILE.csv")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    chosen_settings(options)
    experiment = create_experiment(options.experiment, options.protocol)
    dataset = open_dataset(options.format, options.dataset)
    indices = subset_indices(len(dataset), options.limit, options.subset_seed)
    out = Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    classifier = chosen_classifier(options)
    method = chosen_method(options, classifier)
    scorer = Scorer(classifier, options.batch_size, options.precision)
    started = datetime.datetime.now(datetime.UTC)
    parts: list[Columns] = []
    try:
        with ProgressBar(method.description.title, unit="images") as bar:
            for first in range(0, len(indices), _IMAGES_PER_PART):
                part = indices[first : first + _IMAGES_PER_PART]
                parts.append(
                    run_benchmark(
                        classifier,
                        dataset,
                        part,
                        method,
                        experiment,
                        scorer,
                        on_image=partial(_show, bar, first, len(indices)),
                    )
                )
    except KeyboardInterrupt:
        if parts:
            kept = out.with_name(f"{out.name}.partial")
            _write(Columns.merge(parts), kept)
            print(
                f"The {_IMAGES_PER_PART * len(parts)} images finished so far are in {kept}.", file=sys.stderr
            )
        raise
    columns = Columns.merge(parts)
    _write(columns, out)
    provenance = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.datetime.now(datetime.UTC) - started).total_seconds(), 1),
        "model": classifier.title,
        "architecture": f"{classifier.library}:{classifier.architecture}",
        "weights sha256": classifier.weights_sha256,
        "preprocessing": _preprocessing(classifier, experiment.protocol),
        "method": method.description.title,
        "parameters": method.parameters,
        "protocol": experiment.protocol.full_name,
        "data set": _dataset(dataset, options.dataset, len(indices), options.subset_seed),
        "device": device_name(classifier.device),
        "precision": options.precision,
        "versions": versions(),
    }
    print(text_report(provenance, summarise(columns), confidence_bins(columns), columns.failures), end="")
    print(f"\nOne row per image: {out}")


def _show(bar: ProgressBar, before: int, total: int, done: int) -> None:
    bar.show(before + done, total)


def _preprocessing(classifier: Classifier, protocol: Protocol) -> dict[str, Any]:
    used = classifier.preprocessing.with_pipeline(protocol.pipeline, protocol.size)
    return {"pipeline": used.name, "mean": used.mean, "std": used.std, "interpolation": used.interpolation}


def _dataset(dataset: Dataset, path: str, count: int, seed: int) -> dict[str, Any]:
    described = {
        "path": path,
        "images": len(dataset),
        "measured": count,
        "fingerprint": dataset.fingerprint(),
    }
    return described if count == len(dataset) else {**described, "subset seed": seed}


def _write(columns: Columns, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("w", encoding="utf-8", newline="") as file:
        write_csv(columns, file)
    temporary.replace(path)  # in one step: an earlier file is not left half overwritten
