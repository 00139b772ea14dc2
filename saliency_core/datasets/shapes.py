"""Shapes: a generated data set of any size and number of images, with exact labels, boxes and masks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from saliency_core.datasets.base import Annotations, Contents, Dataset, Sample
from saliency_core.datasets.shapes_drawing import draw
from saliency_core.datasets.shapes_forms import KINDS
from saliency_core.datasets.shapes_scene import compose, main_kind
from saliency_core.errors import DatasetError, ParameterError

DESCRIPTION_FILE = "shapes.json"
DRAWING_VERSION = 1  # raised when the same seed gives other pixels
_LIMITS = {"images": (1, 1_000_000), "size": (32, 1024), "seed": (0, 2**32 - 1)}
_ADVICE = "Make the data set anew: python -m saliency_core shapes --out FOLDER --images N"


class Shapes(Dataset):
    """Images drawn when they are asked for, from the numbers in the folder's ``shapes.json``.

    Each has one to three objects of different kinds, whole inside the image and hardly overlapping, on a textured
    background; the label is the kind of the largest. An image depends on the seed and its index alone. A sample's
    ``path`` is where ``write_shapes(files=True)`` puts the image; without that there is no such file.
    """

    ground_truth = frozenset({"label", "boxes", "masks", "object_mask"})

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        numbers = _read_description(self.folder)
        self.images, self.size, self.seed = numbers["images"], numbers["size"], numbers["seed"]

    def __len__(self) -> int:
        return self.images

    @property
    def class_labels(self) -> tuple[str, ...]:
        """The ten kinds, in the order of the classes of the classifiers trained on them."""
        return KINDS

    def sample(self, index: int) -> Sample:
        index = self._checked(index)
        label = main_kind(self.seed, index)
        identifier = f"{label}/{index:06d}.png"
        return Sample(identifier, self.folder / "images" / identifier, label)

    def image(self, index: int) -> Image.Image:
        return Image.fromarray(draw(self.seed, self._checked(index), self.size).pixels)

    def annotations(self, index: int) -> Annotations:
        """Boxes, the main object's first, and masks of what is visible; the arrays cannot be written to."""
        return draw(self.seed, self._checked(index), self.size).annotations()

    def contents(self, index: int) -> Contents:
        kinds = tuple(item.kind for item in reversed(compose(self.seed, self._checked(index)).objects))
        return Contents(boxes=kinds, masks=kinds, object_mask=True)

    def present_labels(self) -> tuple[str, ...]:
        """All ten kinds where there are ten images, which have each of them once as their main object."""
        return tuple(sorted(KINDS)) if self.images >= len(KINDS) else super().present_labels()

    def files(self) -> tuple[Path, ...]:
        """The description alone: images that were written for other programs are not read."""
        return (self.folder / DESCRIPTION_FILE,)

    def fingerprint(self) -> str:
        """sha256 over what the images are made from: version of the drawing, number, size and seed."""
        numbers = (DRAWING_VERSION, self.images, self.size, self.seed)
        return hashlib.sha256(f"shapes {numbers}".encode()).hexdigest()

    def problems(self, progress: Callable[[int, int], None] | None = None) -> list[dict[str, str]]:
        """None: there are no files that could be broken."""
        return []

    def _checked(self, index: int) -> int:
        if not -self.images <= index < self.images:
            raise IndexError(f"There are {self.images} images; no image {index}.")
        return index % self.images


def write_shapes(
    folder: str | Path,
    *,
    images: int = 500,
    size: int = 224,
    seed: int = 0,
    files: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Path:
    """Write ``shapes.json`` into ``folder`` (made if needed), which makes it a Shapes data set; returns its path.

    With ``files`` also a folder of images with masks, for other programs: ``images/KIND/INDEX.png``, masks of all
    their objects (white) as ``masks/KIND/INDEX.png``, and ``labels.csv``; ``on_progress(done)`` is then called after
    each image. Raises ParameterError for numbers out of range.
    """
    numbers = {"images": images, "size": size, "seed": seed}
    for name, value in numbers.items():
        low, high = _LIMITS[name]
        if not low <= value <= high:
            raise ParameterError(f"{name} must lie between {low} and {high}; got {value}.")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / DESCRIPTION_FILE
    file.write_text(
        json.dumps({"format": "shapes", "drawing": DRAWING_VERSION, **numbers}, indent=1) + "\n",
        encoding="utf-8",
    )
    if files:
        _write_files(Shapes(folder), on_progress)
    return file


def _write_files(shapes: Shapes, on_progress: Callable[[int], None] | None) -> None:
    samples = [shapes.sample(index) for index in range(len(shapes))]
    lines = ["image,label", *(f"{sample.identifier},{sample.label}" for sample in samples)]
    (shapes.folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for index, sample in enumerate(samples):
        mask_path = shapes.folder / "masks" / sample.identifier
        for path, picture in (
            (sample.path, shapes.image(index)),
            (mask_path, Image.fromarray(np.asarray(shapes.annotations(index).object_mask))),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path)
        if on_progress is not None:
            on_progress(index + 1)


def _read_description(folder: Path) -> dict[str, int]:
    """Number of images, size and seed. Raises DatasetError."""
    file = folder / DESCRIPTION_FILE
    if not file.is_file():
        raise DatasetError(f"The folder {folder} has no {DESCRIPTION_FILE}. {_ADVICE}")
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DatasetError(f"{file} cannot be read: {error}. {_ADVICE}") from error
    if not isinstance(found, dict) or found.get("format") != "shapes":
        raise DatasetError(f"{file} does not describe a Shapes data set. {_ADVICE}")
    if found.get("drawing") != DRAWING_VERSION:
        raise DatasetError(
            f"{file} asks for version {found.get('drawing')} of the drawing; this program draws version "
            f"{DRAWING_VERSION}. {_ADVICE}"
        )
    for name, (low, high) in _LIMITS.items():
        value = found.get(name)
        if type(value) is not int or not low <= value <= high:
            raise DatasetError(
                f"{file}: {name} must be a whole number between {low} and {high}; found {value!r}."
            )
    return {name: found[name] for name in _LIMITS}
