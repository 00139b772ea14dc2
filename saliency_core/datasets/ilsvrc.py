"""ILSVRC2012's validation images, sorted into synset folders or as they are unpacked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from saliency_core.datasets.base import Annotations, Contents, Sample
from saliency_core.datasets.files import ImageFiles, existing_folder, find_images, is_image
from saliency_core.datasets.ilsvrc_labels import find_labels
from saliency_core.datasets.images import read_header
from saliency_core.datasets.upright import upright_annotations
from saliency_core.datasets.voc_xml import read_voc_xml
from saliency_core.errors import DatasetError

_SYNSET = re.compile(r"n\d{8}")
_IMAGE_PLACES = ("", "val", "ILSVRC2012_img_val", "Data/CLS-LOC/val", "ILSVRC/Data/CLS-LOC/val")
_BOX_PLACES = (
    "Annotations/CLS-LOC/val",
    "ILSVRC/Annotations/CLS-LOC/val",
    "ILSVRC2012_bbox_val_v3/val",
    "ILSVRC2012_bbox_val_v3",
    "Annotations",
)


class Ilsvrc(ImageFiles):
    """``path`` holds the images, or has them in val, ILSVRC2012_img_val or (ILSVRC/)Data/CLS-LOC/val.

    Images in folders named by synsets (n01440764) are labelled by them. Images side by side are labelled by a
    list in ``path``, beside the images or in the devkit's folder: see ilsvrc_labels. Box annotations
    (Annotations/CLS-LOC/val/*.xml or ILSVRC2012_bbox_val_v3) are used if there are any; their corners are taken
    as edges, [xmin, xmax). The identifier is the path in the images' folder.
    """

    def __init__(self, path: str | Path) -> None:
        root = existing_folder(path)
        self.folder = _image_folder(root)
        found, self._found = find_images(self.folder)
        by_folder = [name for name in found if _SYNSET.fullmatch(name.rpartition("/")[0])]
        names = by_folder or [name for name in found if "/" not in name]
        for name in sorted(set(found) - set(names)):
            self._complain(name, "Not in a folder named by a synset; left out." if by_folder else "Left out.")
        self._label_files: tuple[Path, ...] = ()
        if by_folder:
            labels = {name: name.partition("/")[0] for name in names}
        else:
            labels, self._label_files, complaints = find_labels(root, self.folder, names)
            self._found += complaints
        self._samples = [Sample(name, self.folder / name, labels.get(name)) for name in names]
        self._boxes = _box_folder(root, self._samples)
        self.ground_truth = frozenset({"label"} if self._boxes is None else {"label", "boxes"})

    def contents(self, index: int) -> Contents:
        if self._boxes is None:
            return Contents()
        xml = read_voc_xml(self._xml_file(self._boxes, self._samples[index]), first_pixel=0)
        return Contents(tuple(box.label for box in xml.boxes))

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        assert self._boxes is not None
        sample = self._samples[index]
        header = read_header(sample.path)
        file = self._xml_file(self._boxes, sample)
        xml = read_voc_xml(file, first_pixel=0)
        annotations, complaints = upright_annotations(header, xml.size, xml.boxes)
        if not xml.boxes:
            complaints.append(f"{file.name} has no boxes.")
        others = sorted({box.label for box in xml.boxes} - {sample.label})
        if sample.label is not None and others:
            complaints.append(
                f"{file.name} has boxes of {', '.join(others)}, but the label is {sample.label}."
            )
        return annotations, complaints

    def _annotation_files(self) -> Iterator[Path]:
        yield from self._label_files
        if self._boxes is not None:
            for sample in self._samples:
                yield self._xml_file(self._boxes, sample)

    @staticmethod
    def _xml_file(folder: Path, sample: Sample) -> Path:
        flat = folder / f"{sample.path.stem}.xml"
        if flat.exists():
            return flat
        nested = (folder / sample.identifier).with_suffix(".xml")
        return nested if nested.exists() else flat


def _image_folder(root: Path) -> Path:
    """Where the images are. Raises DatasetError."""
    for place in _IMAGE_PLACES:
        folder = root / place
        if folder.is_dir() and any(
            is_image(entry) or (_SYNSET.fullmatch(entry.name) and entry.is_dir())
            for entry in folder.iterdir()
        ):
            return folder
    raise DatasetError(
        f"{root} has neither images nor folders named by synsets (n01440764), and none of its folders "
        f"{', '.join(place for place in _IMAGE_PLACES if place)} has."
    )


def _box_folder(root: Path, samples: list[Sample]) -> Path | None:
    """The first place with a box file for one of the images."""
    for place in _BOX_PLACES:
        folder = root / place
        if folder.is_dir() and any(Ilsvrc._xml_file(folder, sample).exists() for sample in samples):
            return folder
    return None
