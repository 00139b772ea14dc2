"""PASCAL VOC 2007 and 2012 as they are unpacked, and anything in their layout."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.datasets.base import Annotations, Contents, Sample
from saliency_core.datasets.files import ImageFiles, existing_folder, is_image, read_lines, stays_inside
from saliency_core.datasets.images import read_header
from saliency_core.datasets.labels_csv import read_flags
from saliency_core.datasets.upright import upright_annotations
from saliency_core.datasets.voc_xml import read_voc_xml
from saliency_core.errors import DatasetError, ImageError

IMAGE_SETS = ("test", "val", "trainval", "train")
DIFFICULT_FILE = "pointing_difficult.csv"
CLASS_FILE = "classes.txt"
VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *(
        "diningtable",
        "dog",
        "horse",
        "motorbike",
        "person",
        "pottedplant",
        "sheep",
        "sofa",
        "train",
        "tvmonitor",
    ),
)
_VOID = 255
_PRESENCE = re.compile(r"\s+(?:-1|0|1)$")


class Voc(ImageFiles):
    """One image set of a VOC folder. The identifier is the image's path in that folder: JPEGImages/000001.jpg.

    ``path`` is a year (VOC2007, VOC2012), VOCdevkit with one year in it, or the list of an image set, such as
    VOC2012/ImageSets/Segmentation/val.txt. Of a year, the first of ImageSets/Main/test, val, trainval and
    train is taken whose first image is annotated (VOC2012's test set is not), or the only list there is.

    Boxes come from Annotations/*.xml with VOC's own "difficult"; every file is read when it is needed. If every
    image of the set has a picture in SegmentationClass, there are masks as well, one per class, without the
    border (255): its numbers are VOC's 20 classes in alphabetical order, or the lines of ``classes.txt``.
    ``pointing_difficult.csv`` (columns image,label; the image is named with or without folder and ending) lists
    the pairs of the "difficult" subset of the excitation-backprop pointing game. An image named with an empty
    label has no such pair; an image not named at all carries no flag.
    """

    def __init__(self, path: str | Path) -> None:
        chosen = Path(path)
        if chosen.suffix == ".txt" and chosen.is_file():
            self.folder, self.image_set = _year_of_list(chosen), chosen
        else:
            self.folder = _year_in(existing_folder(chosen))
            self.image_set = self._default_set()
        self._found = []
        self._contents: dict[int, Contents] = {}
        self._samples = self._listed_images()
        self._has_masks = all(self._mask_file(sample).exists() for sample in self._samples)
        self.ground_truth = frozenset({"boxes", "masks"} if self._has_masks else {"boxes"})
        class_file, flag_file = self.folder / CLASS_FILE, self.folder / DIFFICULT_FILE
        self._extra_files = [file for file in (class_file, flag_file) if file.exists()]
        self._mask_classes = tuple(read_lines(class_file)) if class_file.exists() else VOC_CLASSES
        self._flags = read_flags(flag_file) if flag_file.exists() else {}

    @cached_property
    def _files(self) -> dict[str, str]:
        """The images in JPEGImages: name without ending → file name."""
        folder = self.folder / "JPEGImages"
        return {file.stem: file.name for file in sorted(folder.iterdir()) if is_image(file)}

    @cached_property
    def class_labels(self) -> tuple[str, ...]:
        """The classes of all boxes and masks, sorted. Reads every annotation, the first time."""
        return tuple(sorted(self.present_labels()))

    def contents(self, index: int) -> Contents:
        if index not in self._contents:  # kept: the classes' names and the counts each ask for all of them
            sample = self._samples[index]
            boxes = tuple(box.label for box in read_voc_xml(self._xml_file(sample), first_pixel=1).boxes)
            picture = self._mask_picture(sample)
            self._contents[index] = Contents(boxes, () if picture is None else tuple(self._masks(picture)))
        return self._contents[index]

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        sample = self._samples[index]
        header = read_header(sample.path)
        xml = read_voc_xml(self._xml_file(sample), first_pixel=1)
        picture = self._mask_picture(sample)
        size, masks = xml.size, {}
        if picture is not None:
            masks = self._masks(picture)
            drawn_on = (picture.shape[1], picture.shape[0])
            if size is not None and size != drawn_on:
                raise ImageError(
                    f"{self._mask_file(sample).name} has {drawn_on[0]} × {drawn_on[1]} pixels, but "
                    f"{self._xml_file(sample).name} is for {size[0]} × {size[1]}."
                )
            size = drawn_on
        flagged = self._flagged(sample)
        flags = {} if flagged is None else {"difficult": flagged}
        annotations, complaints = upright_annotations(header, size, xml.boxes, masks, flags=flags)
        if not xml.boxes:
            complaints.append(f"{self._xml_file(sample).name} has no boxes.")
        return annotations, complaints

    def _annotation_files(self) -> Iterator[Path]:
        yield self.image_set
        yield from self._extra_files
        for sample in self._samples:
            yield self._xml_file(sample)
            if self._has_masks:
                yield self._mask_file(sample)

    def _default_set(self) -> Path:
        folder = self.folder / "ImageSets" / "Main"
        for name in IMAGE_SETS:
            file = folder / f"{name}.txt"
            if file.exists():
                names = _names_in(file, self._files)
                if names and (self.folder / "Annotations" / f"{names[0]}.xml").exists():
                    return file
        lists = sorted(folder.glob("*.txt"))
        if len(lists) == 1:
            return lists[0]
        raise DatasetError(
            f"{folder} has no list of annotated images ({', '.join(f'{name}.txt' for name in IMAGE_SETS)}): "
            "give the path of the list to use."
        )

    def _listed_images(self) -> list[Sample]:
        folder, files = self.folder / "JPEGImages", self._files
        names = _names_in(self.image_set, files)
        for name in names:
            if not stays_inside(name):
                raise DatasetError(f"{self.image_set} names {name!r}, which is not in JPEGImages.")
        if not any(name in files for name in names):
            raise DatasetError(f"None of the {len(names)} images of {self.image_set} is in {folder}.")
        unique = list(dict.fromkeys(names))
        if len(unique) != len(names):
            self._complain(self.image_set.name, f"Names {len(names) - len(unique)} images more than once.")
        listed = [files.get(name, f"{name}.jpg") for name in unique]
        return [Sample(f"JPEGImages/{file}", folder / file) for file in listed]

    def _xml_file(self, sample: Sample) -> Path:
        return self.folder / "Annotations" / f"{sample.path.stem}.xml"

    def _mask_file(self, sample: Sample) -> Path:
        return self.folder / "SegmentationClass" / f"{sample.path.stem}.png"

    def _mask_picture(self, sample: Sample) -> npt.NDArray[np.uint8] | None:
        """Class numbers [H, W], None if there are no masks. Raises ImageError."""
        if not self._has_masks:
            return None
        file = self._mask_file(sample)
        read_header(file)  # refuses what is no image or too large
        try:
            with Image.open(file) as image:
                if image.mode not in ("P", "L"):
                    raise ImageError(
                        f"{file.name} must hold class numbers (a palette or greyscale picture), not {image.mode}."
                    )
                picture = np.asarray(image, np.uint8)
        except (OSError, ValueError, SyntaxError) as error:
            raise ImageError(f"{file.name} cannot be decoded: {error}.") from error
        unknown = sorted(set(np.unique(picture).tolist()) - set(range(len(self._mask_classes) + 1)) - {_VOID})
        if unknown:
            raise ImageError(
                f"{file.name} has the class number {unknown[0]}, but there are only {len(self._mask_classes)} "
                f"classes; {CLASS_FILE} in {self.folder.name} can name others."
            )
        return picture

    def _masks(self, picture: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.bool_]]:
        numbers = [number for number in np.unique(picture).tolist() if number not in (0, _VOID)]
        return {self._mask_classes[number - 1]: picture == number for number in numbers}

    def _flagged(self, sample: Sample) -> frozenset[str] | None:
        for name in (sample.path.stem, sample.path.name, sample.identifier):
            if name in self._flags:
                return self._flags[name]
        return None


def _year_in(folder: Path) -> Path:
    """The folder with JPEGImages: this one, or the only year in VOCdevkit. Raises DatasetError."""
    if (folder / "JPEGImages").is_dir():
        return folder
    years = sorted(
        found.parent
        for pattern in ("*/JPEGImages", "VOCdevkit/*/JPEGImages")
        for found in folder.glob(pattern)
        if found.is_dir()
    )
    if len(years) == 1:
        return years[0]
    if years:
        raise DatasetError(
            f"{folder} has several years ({', '.join(year.name for year in years)}): give the path of one."
        )
    raise DatasetError(f"{folder} is no VOC folder: it has no JPEGImages.")


def _year_of_list(file: Path) -> Path:
    for folder in file.resolve().parents[1:4]:
        if (folder / "JPEGImages").is_dir():
            return folder
    raise DatasetError(f"{file} is not below the ImageSets of a VOC folder.")


def _names_in(file: Path, stems: Container[str]) -> list[str]:
    """The images of a list. Lists of single classes have a second column (-1, 0 or 1), names may have blanks."""
    lines = [line.strip() for line in read_lines(file) if line.strip()]
    return [line if line in stems else _PRESENCE.sub("", line) for line in lines]
