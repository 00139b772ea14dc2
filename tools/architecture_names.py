"""Writes the names of torchvision's and timm's architectures into the file that forms search.

    python tools/architecture_names.py

To be run when a pinned version of one of them changes; a test compares the file with what is installed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from saliency_core.classifiers.architecture_names import NAMES_FILE
from saliency_core.lazy import timm, torchvision


def installed_names() -> dict[str, list[str]]:
    """By library, sorted; timm's with and without the tags of trainings."""
    return {
        "torchvision": sorted(torchvision.models.list_models(module=torchvision.models)),
        "timm": sorted({*timm.list_models(), *timm.list_pretrained()}),
    }


def main() -> int:
    NAMES_FILE.write_text(json.dumps(installed_names(), indent=0) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
