"""How the published weights of torchvision's and timm's architectures want images, without loading either library.

Kept in a file, made by tools/architecture_names.py from the pinned versions; a test compares the two.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from saliency_core.classifiers.preprocessing import Preprocessing

PREPROCESSING_FILE = Path(__file__).with_name("architecture_preprocessing.json")


def published_preprocessing(library: str, name: str) -> Preprocessing | None:
    """What goes with an architecture's published weights (where there are several, the library's first choice); None
    for a name that the library does not have, or that it has no weights for.

    Where the library keeps the aspect ratio and cuts the centre out, ``resize_crop`` does, though always by 256 / 224.
    """
    return _by_name().get(library, {}).get(name)


@cache
def _by_name() -> dict[str, dict[str, Preprocessing]]:
    listed: list[dict[str, Any]] = json.loads(PREPROCESSING_FILE.read_text())
    found: dict[str, dict[str, Preprocessing]] = {}
    for entry in listed:
        values = Preprocessing.from_dict(entry["preprocessing"])
        for library, names in entry["names"].items():
            found.setdefault(library, {}).update(dict.fromkeys(names, values))
    return found
