"""What the classes of well-known data sets are called by ImageNet's 1000.

Written by hand: every class of ImageNet that shows the thing meant, and no class where there is none ("person"),
so that such labels are left out.
"""

from __future__ import annotations

from pathlib import Path

from saliency_core.datasets.mapping import read_class_mapping

BUILTIN_MAPPINGS: dict[str, Path] = {
    path.stem.replace("_", "-"): path for path in sorted(Path(__file__).parent.glob("*.csv"))
}


def class_mapping(name_or_path: str) -> dict[str, tuple[str, ...]]:
    """The built-in mapping of that name ("coco-to-imagenet"), or that of a file (see read_class_mapping).
    Raises DatasetError.
    """
    return read_class_mapping(BUILTIN_MAPPINGS.get(name_or_path, Path(name_or_path)))
