"""The command curves: maps of some images with their insertion and deletion curves."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from saliency_core.classifiers.classifier import Classifier
from saliency_core.cli.arguments import add_method_options, add_model_options, chosen_classifier
from saliency_core.cli.several import Ready, ready_methods, wanted_methods
from saliency_core.datasets.images import read_image
from saliency_core.enhancement.sliding_window import SlidingWindowEnhancement
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Experiment, Explained, create_experiment
from saliency_core.experiments.checks import check_protocol
from saliency_core.lazy import torch
from saliency_core.output.figures.maps_with_curves import (
    ExplainedImage,
    MethodOnImage,
    maps_with_curves_figure,
)
from saliency_core.output.figures.style import save
from saliency_core.rendering.overlay import overlay
from saliency_core.scoring.scorer import Scorer


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "curves",
        help="show maps of images with their insertion and deletion curves",
        description="Draw the maps of some images by some methods, with the curves of insertion and deletion.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument(
        "--image",
        required=True,
        action="append",
        dest="images",
        metavar="FILE",
        help="JPEG, PNG or WebP; may be given several times",
    )
    parser.add_argument("--protocol", default="thesis@1", metavar="NAME", help="of insertion_deletion")
    parser.add_argument("--out", required=True, metavar="FILE.png|FILE.svg")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    wanted = wanted_methods(options)
    experiment = create_experiment("insertion_deletion", options.protocol)
    out = Path(options.out)
    if out.suffix.lower() not in (".png", ".svg"):
        raise ParameterError(f"{out.name} is no name for a picture; use one that ends in .png or .svg.")
    classifier = chosen_classifier(options)
    check_protocol(classifier, experiment.protocol)
    ready, _ = ready_methods(wanted, classifier, options)
    rows = []
    for number, name in enumerate(options.images, start=1):
        print(f"{number}/{len(options.images)} {Path(name).name}", file=sys.stderr)
        rows.append(explained_image(classifier, experiment, ready, name))
    out.parent.mkdir(parents=True, exist_ok=True)
    save(maps_with_curves_figure(rows), out)
    print(f"Written to {out}")


def explained_image(
    classifier: Classifier, experiment: Experiment, ready: list[Ready], name: str
) -> ExplainedImage:
    """The maps of one file for its predicted class, and their curves."""
    protocol = experiment.protocol
    preprocessing = classifier.preprocessing.with_pipeline(protocol.pipeline, protocol.size)
    photograph = read_image(name)
    images = preprocessing.prepare(photograph)[None].to(classifier.device)
    targets, probabilities = classifier.predict(images)
    framed, scorer = preprocessing.framed(photograph), Scorer(classifier)
    methods = []
    for item in ready:
        explanation = item.method.explain(images, targets)
        measured = experiment.measure(
            Explained(
                classifier=classifier,
                method=item.method,
                scorer=scorer,
                images=images,
                targets=targets,
                labels=torch.full_like(targets, -1),
                maps=explanation.maps,
                degenerate=explanation.degenerate,
                identifiers=[name],
                indices=[0],
                truths=[None],
                unit_labels=[None],
            )
        )
        base, enhanced = item.method, isinstance(item.method, SlidingWindowEnhancement)
        if isinstance(item.method, SlidingWindowEnhancement):
            base = item.method.method
        description = base.description
        methods.append(
            MethodOnImage(
                key=description.key,
                title=f"{description.title} + enh." if enhanced else description.title,
                overlay=overlay(framed, explanation.normalised()[0].cpu().numpy()),
                insertion=measured.curves["insertion"][0],
                deletion=measured.curves["deletion"][0],
                overall=float(measured.scalars["overall"][0]),
                enhanced=enhanced,
            )
        )
    return ExplainedImage(
        image=framed,
        target=classifier.class_names[int(targets[0])],
        probability=float(probabilities[0]),
        methods=methods,
    )
