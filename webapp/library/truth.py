"""Images of a data set with what is known about them, ready to be drawn: boxes as rectangles, masks as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from saliency_core.datasets.base import Annotations, Box
from saliency_core.datasets.base import Dataset as OpenDataset
from saliency_core.errors import SaliscopeError
from webapp.library.models import Dataset
from webapp.library.open_datasets import opened, surveyed, without_path

# Told apart on photographs, also by colour-blind readers; they come again after twelve classes.
PALETTE = (
    "#ffb000", "#2f9bff", "#ff5c8a", "#35d07f", "#c58bff", "#ff7a1a",
    "#19d3da", "#f2f24a", "#ff4b3e", "#8fd14f", "#ff9fe5", "#9fb8ff",
)  # fmt: skip
OBJECT = ""
"""Stands for "whatever object it is" among the labels of masks."""
_OPACITY = 120
_OUTLINE = 255


@dataclass(frozen=True)
class ShownBox:
    """In pixels of the upright image."""

    label: str
    x: float
    y: float
    width: float
    height: float
    colour: str
    difficult: bool = False
    crowd: bool = False


@dataclass(frozen=True)
class ShownImage:
    """`masks`: labels with their colours; `flags`: name → labels; `problem`: why its annotations, or its
    pixels (then it is not `readable`), can't be read."""

    index: int
    identifier: str
    label: str
    width: int = 0
    height: int = 0
    boxes: list[ShownBox] = field(default_factory=list)
    masks: list[tuple[str, str]] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)
    problem: str = ""
    readable: bool = True

    @property
    def stroke(self) -> float:
        """How far a name stands from its box's edge, in pixels of the image."""
        return round(self.text_size / 6, 2)

    @property
    def text_size(self) -> float:
        """How high names of boxes are written, in pixels of the image."""
        return round(max(self.width, self.height) / 42, 2)

    @property
    def difficult_boxes(self) -> int:
        return sum(box.difficult for box in self.boxes)

    @property
    def crowd_boxes(self) -> int:
        return sum(box.crowd for box in self.boxes)

    @property
    def classes(self) -> list[str]:
        found = [self.label] if self.label else []
        return list(
            dict.fromkeys(
                [*found, *(box.label for box in self.boxes), *(name for name, _colour in self.masks if name)]
            )
        )


class Colours:
    """One colour for each class of a data set, the same on every page."""

    def __init__(self, row: Dataset) -> None:
        self._numbers = {label: number for number, label in enumerate(sorted(row.classes))}

    def of(self, label: str) -> str:
        return PALETTE[self.number(label)]

    def number(self, label: str) -> int:
        return 1 if label == OBJECT else self._numbers.get(label, 0) % len(PALETTE)


def images_with(row: Dataset, label: str) -> Sequence[int]:
    """The indices of the images that a class is on, all of them for "". Raises DatasetError."""
    if not label:
        return range(len(opened(row)))
    return [index for index, classes in enumerate(surveyed(row).classes_of_images) if label in classes]


def shown_image(row: Dataset, index: int, colours: Colours) -> ShownImage:
    """One image with all that is known of it. Raises DatasetError."""
    dataset = opened(row)
    sample = dataset.sample(index)
    label = sample.label or ""
    if any(each["file"] == sample.identifier for each in row.problems):
        try:
            dataset.image(index)
        except SaliscopeError as problem:
            reason = without_path(str(problem), row.path)
            return ShownImage(index, sample.identifier, label, problem=reason, readable=False)
    if not set(row.ground_truth) & {"boxes", "masks", "object_mask"}:
        return ShownImage(index, sample.identifier, label)
    try:
        known = dataset.annotations(index)
    except SaliscopeError as problem:
        return ShownImage(index, sample.identifier, label, problem=without_path(str(problem), row.path))
    return ShownImage(
        index,
        sample.identifier,
        label,
        known.width,
        known.height,
        [_shown(box, colours) for box in known.boxes],
        [(name, colours.of(name)) for name in _labels_of_masks(known)],
        {name: sorted(labels) for name, labels in known.flags.items() if labels},
    )


def _shown(box: Box, colours: Colours) -> ShownBox:
    size = (round(box.right - box.left, 2), round(box.bottom - box.top, 2))
    place = (round(box.left, 2), round(box.top, 2))
    return ShownBox(box.label, *place, *size, colours.of(box.label), box.difficult, box.crowd)


def _labels_of_masks(known: Annotations) -> list[str]:
    labels = list(known.masks)
    return labels if labels or known.object_mask is None else [OBJECT]


def masks_picture(
    dataset: OpenDataset, index: int, colours: Colours, side: int, only: str | None = None
) -> Image.Image | None:
    """The masks in their classes' colours on nothing, at most `side` pixels a side; None where there is none.

    `only`: the mask of that class alone. Raises SaliscopeError.
    """
    known = dataset.annotations(index)
    masks = {
        label: np.asarray(known.masks.get(label, known.object_mask)) for label in _labels_of_masks(known)
    }
    if only is not None:
        masks = {label: mask for label, mask in masks.items() if label in (only, OBJECT)}
    if not masks:
        return None
    scale = min(1.0, side / max(known.width, known.height))
    size = (max(1, round(known.width * scale)), max(1, round(known.height * scale)))
    drawn = np.zeros((size[1], size[0]), dtype=np.uint8)
    for label, mask in masks.items():
        small = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        number = 1 + colours.number(label)
        drawn[small] = number
        drawn[_edge(small)] = number + len(PALETTE)
    picture = Image.fromarray(drawn, mode="P")
    colour_bytes = [bytes.fromhex(colour[1:]) for colour in PALETTE]
    picture.putpalette(b"\0\0\0" + b"".join(colour_bytes * 2))
    picture.info["transparency"] = bytes([0] + [_OPACITY] * len(PALETTE) + [_OUTLINE] * len(PALETTE))
    return picture


def _edge(mask: np.ndarray) -> np.ndarray:
    """The mask's own pixels that touch one outside it, or the border of the picture."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside
