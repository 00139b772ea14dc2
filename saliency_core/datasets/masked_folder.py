"""A folder of images with a mask each: one object, or several, against the background."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.base import Annotations, Contents, Sample
from saliency_core.datasets.files import ImageFiles, existing_folder, find_images
from saliency_core.datasets.images import read_header, read_image
from saliency_core.datasets.labels_csv import read_label_file
from saliency_core.datasets.upright import upright_annotations
from saliency_core.errors import DatasetError, ImageError

LABEL_FILE = "labels.csv"
MASK_SUFFIX = "_mask"
THRESHOLD = 127  # of 255


class MaskedFolder(ImageFiles):
    """Either ``images`` and ``masks`` side by side, an image and its mask having the same name but for the ending
    (and the same subfolder), or masks beside the images: cat.jpg and cat_mask.png.

    The object is where the mask, as grey, is above 127. ``labels.csv`` (image,label) may name classes, the
    images as in the folder or without "images/". The identifier is the path in the folder.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = existing_folder(folder)
        found, self._found = find_images(self.folder)
        apart = (self.folder / "images").is_dir() and (self.folder / "masks").is_dir()
        self._masks: dict[str, str] = {}  # identifier → its mask's path
        images, masks = self._apart(found) if apart else self._beside(found)
        for name in images:
            key = _without_suffix(name.removeprefix("images/") if apart else name)
            if key in masks:
                self._masks[name] = masks[key]
        if not self._masks:
            raise DatasetError(
                f"{self.folder} has no images with masks: there must be folders images and masks with the same "
                f"names in both, or masks beside the images (cat.jpg and cat{MASK_SUFFIX}.png)."
            )
        used = set(self._masks.values())
        for mask in masks.values():
            if mask not in used:
                self._complain(mask, "A mask without an image; left out.")
        self._label_file = self.folder / LABEL_FILE
        labels: dict[str, str] = {}
        if self._label_file.exists():
            known = {name: name for name in images}
            if apart:
                known |= {name.removeprefix("images/"): name for name in images}
            labels, complaints = read_label_file(self._label_file, known)
            self._found += complaints
        self._samples = [Sample(name, self.folder / name, labels.get(name)) for name in images]
        self.ground_truth = frozenset({"object_mask", "label"} if labels else {"object_mask"})

    def contents(self, index: int) -> Contents:
        if self._samples[index].identifier not in self._masks:
            raise ImageError("It has no mask.")
        return Contents(object_mask=True)

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        sample = self._samples[index]
        header = read_header(sample.path)
        if sample.identifier not in self._masks:
            raise ImageError(f"{sample.path.name} has no mask.")
        file = self.folder / self._masks[sample.identifier]
        grey = np.asarray(read_image(file).convert("L"))
        mask: npt.NDArray[np.bool_] = grey > THRESHOLD
        brightest = int(grey.max())
        if 0 < brightest <= THRESHOLD:
            raise ImageError(
                f"{file.name} has no pixel above {THRESHOLD} (the brightest is {brightest}): objects must be white."
            )
        size = (mask.shape[1], mask.shape[0])
        annotations, complaints = upright_annotations(header, size, object_mask=mask)
        if brightest == 0:
            complaints.append(f"{file.name} is black: no object.")
        return annotations, complaints

    def _label_sources(self) -> tuple[Path, ...]:
        return (self._label_file,)

    def _annotation_files(self) -> Iterator[Path]:
        for sample in self._samples:
            if sample.identifier in self._masks:
                yield self.folder / self._masks[sample.identifier]

    def _apart(self, found: list[str]) -> tuple[list[str], dict[str, str]]:
        """The images, and masks by what both names share."""
        images = [name for name in found if name.startswith("images/")]
        masks = [name for name in found if name.startswith("masks/")]
        return images, self._by_key(masks, "masks/")

    def _beside(self, found: list[str]) -> tuple[list[str], dict[str, str]]:
        masks = [name for name in found if PurePosixPath(name).stem.endswith(MASK_SUFFIX)]
        images = [name for name in found if name not in set(masks)]
        return images, self._by_key(masks, "", MASK_SUFFIX)

    def _by_key(self, masks: list[str], folder: str, ending: str = "") -> dict[str, str]:
        keyed: dict[str, str] = {}
        for mask in masks:
            key = _without_suffix(mask.removeprefix(folder)).removesuffix(ending)
            if key in keyed:
                self._complain(mask, f"A second mask of the same name as {keyed[key]}; left out.")
            else:
                keyed[key] = mask
        return keyed


def _without_suffix(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
