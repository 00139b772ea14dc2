"""The command sanity-strip: the maps of one image as layers are initialised anew."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from saliency_core.cli.arguments import (
    add_method_options,
    add_model_options,
    chosen_classifier,
    whole_number,
)
from saliency_core.cli.progress import ProgressBar
from saliency_core.cli.several import ready_methods, wanted_methods
from saliency_core.datasets.images import read_image
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import protocol
from saliency_core.experiments.checks import check_protocol
from saliency_core.experiments.sanity_check import MODES, SanityCheck, SanityCheckProtocol, Stages
from saliency_core.experiments.similarity import spearman
from saliency_core.lazy import torch
from saliency_core.methods.base import Explanation, Method
from saliency_core.rendering.randomisation_strip import RandomisedMap, StripRow, randomisation_strip

_PROTOCOLS = tuple(choice.name for choice in SanityCheck.description.protocols)


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "sanity-strip",
        help="show how maps change as the model's layers are initialised anew",
        description="Draw the maps of one image as the model's layers are initialised anew, one row per method, "
        "with Spearman's correlation of each map with that of the intact model.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument("--image", required=True, metavar="FILE", help="JPEG, PNG or WebP")
    parser.add_argument(
        "--target", type=whole_number(0), metavar="N", help="class to explain (default: the predicted one)"
    )
    parser.add_argument(
        "--protocol",
        default=_PROTOCOLS[0],
        metavar="NAME",
        help=f"which layers: {', '.join(_PROTOCOLS)} (default {_PROTOCOLS[0]})",
    )
    parser.add_argument("--mode", choices=MODES, help="instead of the protocol's")
    parser.add_argument(
        "--stages", type=whole_number(1), metavar="N", help="at most so many, instead of the protocol's"
    )
    parser.add_argument(
        "--tile",
        type=whole_number(32),
        default=128,
        metavar="N",
        help="side of a map in pixels (default 128)",
    )
    parser.add_argument("--out", required=True, metavar="FILE.png")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    wanted = wanted_methods(options)
    chosen = _chosen_protocol(options)
    out = Path(options.out)
    if out.suffix.lower() not in Image.registered_extensions():
        raise ParameterError(f"{out.name} is no name for a picture; use one that ends in .png.")
    image = read_image(options.image)
    out.parent.mkdir(parents=True, exist_ok=True)
    classifier = chosen_classifier(options)
    check_protocol(classifier, chosen)
    ready, refused = ready_methods(wanted, classifier, options)
    for key, reason in refused.items():
        print(f"{key}: {reason}", file=sys.stderr)
    if not ready:
        raise ParameterError(f"No method applies to {classifier.title}.")
    preprocessing = classifier.preprocessing.with_pipeline(chosen.pipeline, chosen.size)
    images = preprocessing.prepare(image)[None].to(classifier.device)
    target = int(classifier.predict(images)[0]) if options.target is None else options.target
    if target >= len(classifier.class_names):
        raise ParameterError(
            f"--target must lie between 0 and {len(classifier.class_names) - 1}; got {target}."
        )
    stages = Stages(classifier, chosen)
    with ProgressBar("Sanity strip", unit="maps") as bar:
        total = len(ready) * (1 + len(stages.names))
        rows = [
            _row(item.method, stages, images, target, bar, number * (1 + len(stages.names)), total)
            for number, item in enumerate(ready)
        ]
    randomisation_strip(preprocessing.framed(image), rows, options.tile).save(out)
    print(
        f"{classifier.class_names[target]} ({target}), {chosen.mode}, {len(stages.names)} stages; "
        f"written to {out}"
    )


def _chosen_protocol(options: argparse.Namespace) -> SanityCheckProtocol:
    chosen = protocol(SanityCheck.description.key, options.protocol)
    assert isinstance(chosen, SanityCheckProtocol)
    return replace(chosen, mode=options.mode or chosen.mode, most_stages=options.stages or chosen.most_stages)


def _row(
    method: Method,
    stages: Stages,
    images: torch.Tensor,
    target: int,
    bar: ProgressBar,
    before: int,
    total: int,
) -> StripRow:
    targets = torch.tensor([target])
    clean = method.explain(images, targets)
    bar.show(before + 1, total)
    maps = []
    for number, explanation in enumerate(stages.explanations(method, images, targets)):
        similarity = None
        if not bool(explanation.degenerate[0]):
            similarity = float(spearman(_flat(clean), _flat(explanation))[0])
        map01 = explanation.normalised()[0].cpu().numpy()
        maps.append(RandomisedMap(stages.names[number], map01, similarity))
        bar.show(before + 2 + number, total)
    return StripRow(method.description.title, clean.normalised()[0].cpu().numpy(), maps)


def _flat(explanation: Explanation) -> Any:
    return explanation.maps.flatten(1).cpu().numpy()
