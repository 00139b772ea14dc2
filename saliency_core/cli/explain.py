"""The command explain: one image, and the maps of one method, of several, or of all."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saliency_core.classifiers.classifier import Classifier
from saliency_core.cli.arguments import (
    add_method_options,
    add_model_options,
    chosen_classifier,
    whole_number,
)
from saliency_core.cli.several import ALL, Ready, ready_methods, wanted_methods
from saliency_core.datasets.images import read_image
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.methods.base import Explanation, Method
from saliency_core.provenance import device_name, versions
from saliency_core.rendering.contact_sheet import contact_sheet
from saliency_core.rendering.overlay import overlay


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "explain",
        help="make the saliency map of one image",
        description="Make the saliency map of one image by one method; or by several, with a contact sheet.",
    )
    add_model_options(parser)
    add_method_options(parser)
    parser.add_argument("--image", required=True, metavar="FILE", help="JPEG, PNG or WebP")
    parser.add_argument(
        "--target", type=whole_number(0), metavar="N", help="class to explain (default: the predicted one)"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="folder for explanation.json with map.npy and overlay.png; of several methods KEY.npy, KEY.png "
        "and contact_sheet.png",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    wanted = wanted_methods(options)
    image = read_image(options.image)
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    classifier = chosen_classifier(options)
    ready, refused = ready_methods(wanted, classifier, options)
    if not ready:
        raise ParameterError(f"No method applies to {classifier.title}.")
    images = classifier.preprocessing.prepare(image)[None]
    target, described = _classified(classifier, images, options)
    record = {
        "image": str(options.image),
        "model": classifier.name,
        "architecture": f"{classifier.library}:{classifier.architecture}",
        "weights_sha256": classifier.weights_sha256,
        "preprocessing": {"name": classifier.preprocessing.name, **classifier.preprocessing.to_dict()},
        **described,
        "versions": versions(),
        "device": device_name(classifier.device),
    }
    framed = classifier.preprocessing.framed(image)
    started = time.perf_counter()
    if len(ready) == 1 and ALL not in options.methods:
        explained, picture, saliency = _explained(ready[0].method, images, target, framed)
        np.save(folder / "map.npy", saliency)
        picture.save(folder / "overlay.png")
        record |= explained
    else:
        record["methods"] = _sheet(ready, images, target, framed, folder)
        record["not_applicable"] = [{"method": key, "reason": reason} for key, reason in refused.items()]
        for key, reason in refused.items():
            print(f"{key}: {reason}", file=sys.stderr)
    seconds = time.perf_counter() - started
    text = json.dumps(record, indent=2, ensure_ascii=False)
    (folder / "explanation.json").write_text(text + "\n", encoding="utf-8")
    print(
        f"{described['target_name']} ({target}), probability {described['probability']:.4f}, "
        f"{seconds:.2f} s; written to {folder}"
    )


def _classified(
    classifier: Classifier, images: torch.Tensor, options: argparse.Namespace
) -> tuple[int, dict[str, Any]]:
    """The class to explain, and what the record says about the image's classes."""
    names = classifier.class_names
    classes, probabilities = (values[0].tolist() for values in classifier.top_classes(images, len(names)))
    target = classes[0] if options.target is None else options.target
    if target >= len(names):
        raise ParameterError(f"--target must lie between 0 and {len(names) - 1}; got {target}.")
    return target, {
        "target": target,
        "target_name": names[target],
        "probability": probabilities[classes.index(target)],
        "top": [
            {"target": number, "name": names[number], "probability": value}
            for number, value in list(zip(classes, probabilities, strict=True))[:5]
        ],
    }


def _explained(
    method: Method, images: torch.Tensor, target: int, framed: Image.Image
) -> tuple[dict[str, Any], Image.Image, np.ndarray]:
    """What the record says about one method, its overlay, and its map."""
    started = time.perf_counter()
    explanation: Explanation = method.explain(images, torch.tensor([target]))
    saliency = explanation.maps[0].cpu().numpy()
    described = {
        "method": method.description.key,
        "parameters": method.parameters,
        "degenerate": bool(explanation.degenerate[0]),
        "extras": {name: float(values[0]) for name, values in explanation.extras.items()},
        "seconds": round(time.perf_counter() - started, 4),
    }
    return described, overlay(framed, explanation.normalised()[0].cpu().numpy()), saliency


def _sheet(
    ready: Sequence[Ready], images: torch.Tensor, target: int, framed: Image.Image, folder: Path
) -> list[dict[str, Any]]:
    """Writes every map, its overlay and the contact sheet; what the record says about the methods."""
    total = sum(item.forwards for item in ready)
    dearest = sorted(ready, key=lambda item: -item.forwards)[:3]
    listed = ", ".join(f"{item.method.description.title} {item.forwards:,.0f}" for item in dearest)
    print(
        f"{len(ready)} methods, about {total:,.0f} forward passes (a backward pass counts as two); "
        f"the most: {listed}",
        file=sys.stderr,
    )
    tiles, records = [("Photograph", framed)], []
    for number, item in enumerate(ready, start=1):
        title, key = item.method.description.title, item.method.description.key.replace("+", "_with_")
        print(f"{number}/{len(ready)} {title}: {item.forwards:,.0f} forward passes", file=sys.stderr)
        record, picture, saliency = _explained(item.method, images, target, framed)
        np.save(folder / f"{key}.npy", saliency)
        picture.save(folder / f"{key}.png")
        tiles.append((f"{title} (no map)" if record["degenerate"] else title, picture))
        records.append({**record, "forwards": item.forwards, "map": f"{key}.npy", "overlay": f"{key}.png"})
    contact_sheet(tiles).save(folder / "contact_sheet.png")
    return records
