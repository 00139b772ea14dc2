"""The command centre-point: the pointing game's baseline, without a model."""

from __future__ import annotations

import argparse
import math
from typing import Any

from saliency_core.cli.progress import ProgressBar
from saliency_core.datasets.base import FORMATS, Dataset, open_dataset
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.centre_point import PUBLISHED_SOURCE, centre_point, published_baseline
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.per_class import per_class
from saliency_core.experiments.pointing_game import PointingGame


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "centre-point",
        help="what pointing at the centre of every image is worth in the pointing game",
        description="The pointing game with the centre of every image as the point: a baseline without a model.",
    )
    parser.add_argument("--dataset", required=True, metavar="PATH")
    parser.add_argument("--format", required=True, choices=[item.key for item in FORMATS])
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="of the pointing game; by default torchray-masks@1 where the data set has masks of its classes, "
        "otherwise torchray@1",
    )
    parser.add_argument("--per-class", action="store_true", help="also print every class")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    dataset = open_dataset(options.format, options.dataset)
    name = options.protocol or ("torchray-masks@1" if "masks" in dataset.ground_truth else "torchray@1")
    experiment = create_experiment(PointingGame.description.key, name)
    assert isinstance(experiment, PointingGame)
    with ProgressBar("Centre point", unit="images") as bar:
        columns = centre_point(dataset, experiment, on_image=lambda done: bar.show(done, len(dataset)))
    print("\n".join(_report(experiment, dataset, columns, options.per_class)))


def _report(experiment: PointingGame, dataset: Dataset, columns: Columns, classes: bool) -> list[str]:
    protocol = experiment.protocol
    rows = per_class(columns, experiment.figures())
    classes_found = "1 class" if len(rows) == 1 else f"{len(rows)} classes"
    lines = [
        f"{protocol.full_name}, the centre of the image as the point",
        f"{len(dataset)} images, {classes_found}, {len(columns)} pairs of image and class",
    ]
    lines += [f"  {figure.title}: {_percent(figure.value(columns))}" for figure in experiment.figures()]
    published = published_baseline(protocol.name, len(dataset))
    if published is not None:
        lines.append(
            f"  Published for {published.dataset}: {_percent(published.accuracy)}, difficult "
            f"{_percent(published.difficult)} ({PUBLISHED_SOURCE})"
        )
    if classes:
        lines += [
            f"  {row.name}: {_percent(row.values['pointing_accuracy_pooled'])} of {row.rows}" for row in rows
        ]
    lines += [f"Left out: {failure['image']}: {failure['reason']}" for failure in columns.failures]
    return lines


def _percent(value: float) -> str:
    return "not defined" if math.isnan(value) else f"{100 * value:.1f} %"
