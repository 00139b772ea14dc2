"""The command explain: one image, one map."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from saliency_core.cli.arguments import (
    add_method_options,
    add_model_options,
    chosen_classifier,
    chosen_method,
    chosen_settings,
    whole_number,
)
from saliency_core.datasets.images import read_image
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.provenance import device_name, versions
from saliency_core.rendering.overlay import overlay


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="make the saliency map of one image",
        description="Make the saliency map of one image.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument("--image", required=True, metavar="FILE", help="JPEG, PNG or WebP")
    parser.add_argument(
        "--target", type=whole_number(0), metavar="N", help="class to explain (default: the predicted one)"
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder for map.npy, overlay.png and explanation.json"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    chosen_settings(options)
    image = read_image(options.image)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    classifier = chosen_classifier(options)
    method = chosen_method(options, classifier)
    images = classifier.preprocessing.prepare(image)[None]
    classes, probabilities = (values[0].tolist() for values in classifier.top_classes(images, 5))
    names = classifier.class_names
    target = classes[0] if options.target is None else options.target
    if target >= len(names):
        raise ParameterError(f"--target must lie between 0 and {len(names) - 1}; got {target}.")
    started = time.perf_counter()
    explanation = method.explain(images, torch.tensor([target]))
    saliency = explanation.maps[0].cpu().numpy()
    seconds = time.perf_counter() - started
    every_class, every_probability = classifier.top_classes(images, len(names))
    probability = float(every_probability[0][every_class[0] == target])
    np.save(folder / "map.npy", saliency)
    overlay(classifier.preprocessing.framed(image), explanation.normalised()[0].cpu().numpy()).save(
        folder / "overlay.png"
    )
    record = {
        "image": str(options.image),
        "model": classifier.name,
        "architecture": f"{classifier.library}:{classifier.architecture}",
        "weights_sha256": classifier.weights_sha256,
        "preprocessing": {"name": classifier.preprocessing.name, **classifier.preprocessing.to_dict()},
        "method": options.method,
        "parameters": method.parameters,
        "target": target,
        "target_name": names[target],
        "probability": probability,
        "top": [
            {"target": number, "name": names[number], "probability": value}
            for number, value in zip(classes, probabilities, strict=True)
        ],
        "degenerate": bool(explanation.degenerate[0]),
        "versions": versions(),
        "device": device_name(classifier.device),
        "seconds": round(seconds, 4),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (folder / "explanation.json").write_text(text + "\n", encoding="utf-8")
    print(f"{names[target]} ({target}), probability {probability:.4f}, {seconds:.2f} s; written to {folder}")
