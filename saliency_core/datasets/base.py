"""What every data set offers, and the list of known layouts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.errors import DatasetError, ImageError, suggestion


@dataclass(frozen=True)
class Sample:
    """One image: ``identifier`` is stable across machines (a relative path), ``label`` is as the data set
    writes it.
    """

    identifier: str
    path: Path
    label: str | None = None


@dataclass(frozen=True)
class Box:
    """A rectangle around an object, in pixels of the upright image at its original size.

    It covers [left, right) × [top, bottom), so its width is right − left; a pixel lies inside iff its centre
    does. ``difficult`` and ``crowd`` are the data set's own marks (PASCAL VOC, COCO).
    """

    label: str
    left: float
    top: float
    right: float
    bottom: float
    difficult: bool = False
    crowd: bool = False


@dataclass(frozen=True)
class Annotations:
    """What is known about where things are in one image of ``width`` × ``height`` pixels.

    ``masks``: label → bool [height, width], the union of the class's objects, crowd regions included.
    ``object_mask``: bool [height, width], foreground of whatever class. ``flags``: name → labels that carry it
    ("difficult": the subset of the excitation-backprop pointing game).
    """

    width: int
    height: int
    boxes: tuple[Box, ...] = ()
    masks: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    object_mask: npt.NDArray[np.bool_] | None = None
    flags: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes with boxes or masks, in order of their first appearance."""
        return tuple(dict.fromkeys([*(box.label for box in self.boxes), *self.masks]))


@dataclass(frozen=True)
class Contents:
    """What an image's annotations hold, without drawing them: the label of each box, the labels that have a mask,
    and whether there is an object mask.
    """

    boxes: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    object_mask: bool = False


class Dataset(ABC):
    """Images with whatever ground truth they have, in a fixed order.

    ``ground_truth`` holds what there is of "label" (a class an image), "boxes", "masks" (one per class) and
    "object_mask".
    """

    ground_truth: frozenset[str] = frozenset()
    _positions: dict[str, int] | None = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def sample(self, index: int) -> Sample:
        """Sample ``index`` (0-based) without reading its pixels."""

    def index_of(self, identifier: str) -> int:
        """The position of the sample with that identifier. Raises DatasetError."""
        if self._positions is None:
            self._positions = {self.sample(index).identifier: index for index in range(len(self))}
        if identifier not in self._positions:
            raise DatasetError(f"The data set has no image {identifier!r}.")
        return self._positions[identifier]

    @abstractmethod
    def image(self, index: int) -> Image.Image:
        """The pixels of sample ``index`` as RGB. Raises ImageError."""

    def annotations(self, index: int) -> Annotations:
        """Boxes and masks of sample ``index``. Raises ImageError where this image's are missing or broken, and
        DatasetError where the data set has none.
        """
        raise DatasetError(
            "This data set has no boxes and no masks: choose one that has, or another experiment."
        )

    def contents(self, index: int) -> Contents:
        """What annotations(index) would hold. Raises ImageError. Readers that can tell without drawing masks do."""
        if not self.ground_truth & {"boxes", "masks", "object_mask"}:
            return Contents()
        known = self.annotations(index)
        return Contents(
            tuple(box.label for box in known.boxes), tuple(known.masks), known.object_mask is not None
        )

    @property
    def class_labels(self) -> tuple[str, ...]:
        """Every class that the data set names, as it writes them."""
        labels = (self.sample(index).label for index in range(len(self)))
        return tuple(sorted({label for label in labels if label is not None}))

    def present_labels(self) -> tuple[str, ...]:
        """The classes that occur, as label, box or mask, on at least one image whose annotations can be read;
        sorted. Those are the ones that must have an output in a classifier.
        """
        found: set[str] = set()
        for index in range(len(self)):
            label = self.sample(index).label
            found.update(() if label is None else (label,))
            try:
                contents = self.contents(index)
            except ImageError:  # one of the problems
                continue
            found.update(contents.boxes, contents.masks)
        return tuple(sorted(found))

    def describe(self) -> dict[str, Any]:
        """What there is, counted, for the data set's page: images, labelled, classes (those that occur),
        classes_named, images_per_class, boxes, boxes_per_class, images_with_boxes, class_masks, masks_per_class,
        images_with_class_masks, object_masks, broken_annotations (images), ground_truth, fingerprint.
        """
        from saliency_core.datasets.description import describe

        return describe(self)

    def files(self) -> Iterable[Path]:
        """Every file that the data set is read from, images and annotations alike, and nothing else that lies beside
        them; those that are missing may be named too. Every format that can be registered says it; pictures that
        are drawn in memory have none, and raise NotImplementedError.
        """
        raise NotImplementedError

    @abstractmethod
    def fingerprint(self) -> str:
        """A sha256 (hex) that changes when files are added, removed, renamed, resized or relabelled, and when
        annotations change.
        """

    @cached_property
    def opened_fingerprint(self) -> str:
        """The fingerprint when it was first asked for. To take it is to look at every file, which is too much for what
        is done again and again while the data set is open.
        """
        return self.fingerprint()

    @abstractmethod
    def problems(self, progress: Callable[[int, int], None] | None = None) -> list[dict[str, str]]:
        """Everything wrong in the whole data set: [{"file": identifier, "problem": sentence}]. Reads every
        image; ``progress(done, total)`` is called after each, and what it raises stops the work.
        """


@dataclass(frozen=True)
class FormatDescription:
    """A layout on disk, for lists and help texts."""

    key: str
    title: str
    help: str


def _reader(module: str, name: str) -> Callable[[Path], Dataset]:
    """A reader that is imported when it is used."""

    def open_path(path: Path) -> Dataset:
        reader: Callable[[Path], Dataset] = getattr(import_module(f"saliency_core.datasets.{module}"), name)
        return reader(path)

    return open_path


FORMATS: tuple[FormatDescription, ...] = (
    FormatDescription(
        key="image-folder",
        title="Folder of images",
        help="Images in one folder per class, or in one folder with or without labels.csv (image,label).",
    ),
    FormatDescription(
        key="masked-folder",
        title="Folder of images with masks",
        help="Folders images and masks with the same names, or cat.jpg beside cat_mask.png; the object is white.",
    ),
    FormatDescription(
        key="ilsvrc",
        title="ILSVRC2012 validation",
        help="Synset folders, or one folder with the devkit's ground truth or val.txt; boxes from XML if there.",
    ),
    FormatDescription(
        key="tiny-imagenet",
        title="Tiny-ImageNet",
        help="The folder val with val_annotations.txt and images: a class and a box for each image.",
    ),
    FormatDescription(
        key="imagenet-segmentation",
        title="ImageNet-Segmentation",
        help="The file gtsegs_ijcv.mat, or its folder: images with an object mask each.",
    ),
    FormatDescription(
        key="voc",
        title="PASCAL VOC",
        help="VOC2007 or VOC2012 as unpacked (test, else val), or the list of an image set; boxes, masks if there.",
    ),
    FormatDescription(
        key="coco",
        title="COCO",
        help="The folder with annotations/instances_*.json and the images, or the JSON: boxes and masks.",
    ),
    FormatDescription(
        key="shapes",
        title="Shapes",
        help="Drawn objects with exact labels, boxes and masks, made by: python -m saliency_core shapes.",
    ),
)

_OPENERS: dict[str, Callable[[Path], Dataset]] = {
    "image-folder": _reader("image_folder", "ImageFolder"),
    "masked-folder": _reader("masked_folder", "MaskedFolder"),
    "ilsvrc": _reader("ilsvrc", "Ilsvrc"),
    "tiny-imagenet": _reader("tiny_imagenet", "TinyImageNet"),
    "imagenet-segmentation": _reader("imagenet_segmentation", "ImageNetSegmentation"),
    "voc": _reader("voc", "Voc"),
    "coco": _reader("coco", "Coco"),
    "shapes": _reader("shapes", "Shapes"),
}


def open_dataset(format: str, path: str | Path) -> Dataset:
    """Open the data set at ``path``. Raises DatasetError when the format is unknown or nothing usable is
    there.
    """
    if format not in _OPENERS:
        raise DatasetError(
            f"There is no data set format {format!r}; there are {', '.join(_OPENERS)}."
            f"{suggestion(format, _OPENERS)}"
        )
    return _OPENERS[format](Path(path))
