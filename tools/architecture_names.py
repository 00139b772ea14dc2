"""Writes the names of torchvision's and timm's architectures, and the preprocessing that goes with their published
weights, into the files that forms read.

    python tools/architecture_names.py

To be run when a pinned version of one of them changes; a test compares the file with what is installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from saliency_core.classifiers.architecture_names import NAMES_FILE
from saliency_core.classifiers.preprocessing import INTERPOLATIONS, Preprocessing
from saliency_core.classifiers.published_preprocessing import PREPROCESSING_FILE
from saliency_core.lazy import timm, torchvision


def installed_names() -> dict[str, list[str]]:
    """By library, sorted; timm's with and without the tags of trainings."""
    return {
        "torchvision": sorted(torchvision.models.list_models(module=torchvision.models)),
        "timm": sorted({*timm.list_models(), *timm.list_pretrained()}),
    }


def installed_preprocessing() -> list[dict[str, Any]]:
    """Every preprocessing with the names that it goes with, by library."""
    groups: dict[Preprocessing, dict[str, list[str]]] = {}
    for library, names in installed_names().items():
        read = _of_torchvision if library == "torchvision" else _of_timm
        for name in names:
            found = read(name)
            if found is not None:
                groups.setdefault(found, {}).setdefault(library, []).append(name)
    return [{"preprocessing": each.to_dict(), "names": names} for each, names in groups.items()]


def _of_torchvision(name: str) -> Preprocessing | None:
    weights = torchvision.models.get_model_weights(name)
    if not len(weights):
        return None
    wanted = getattr(weights, "DEFAULT", next(iter(weights))).transforms()
    (size,) = wanted.crop_size
    return Preprocessing(
        pipeline="resize_crop",
        size=size,
        mean=tuple(wanted.mean),
        std=tuple(wanted.std),
        interpolation=_interpolation(wanted.interpolation.value),
    )


def _of_timm(name: str) -> Preprocessing | None:
    wanted = timm.models.get_pretrained_cfg(name)
    if wanted is None:
        return None
    return Preprocessing(
        pipeline="resize_crop" if wanted.crop_mode == "center" else "squash",
        size=wanted.input_size[-1],
        mean=tuple(wanted.mean),
        std=tuple(wanted.std),
        interpolation=_interpolation(wanted.interpolation),
    )


def _interpolation(name: str) -> str:
    return name if name in INTERPOLATIONS else "bicubic"


def main() -> int:
    lines = (json.dumps(each) for each in installed_preprocessing())
    PREPROCESSING_FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    NAMES_FILE.write_text(json.dumps(installed_names(), indent=0) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
