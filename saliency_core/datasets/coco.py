"""COCO 2014 and 2017: instances JSON, boxes and masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.base import Annotations, Contents, Sample
from saliency_core.datasets.coco_json import CocoFile, CocoObject, read_coco_json
from saliency_core.datasets.files import ImageFiles, existing_folder
from saliency_core.datasets.images import MAX_PIXELS, read_header
from saliency_core.datasets.labels_csv import read_flags
from saliency_core.datasets.polygons import polygons_mask
from saliency_core.datasets.rle import decode_rle
from saliency_core.datasets.upright import upright_annotations
from saliency_core.errors import DatasetError, ImageError

PREFERRED = ("instances_val2017.json", "instances_val2014.json")
DIFFICULT_FILE = "pointing_difficult.csv"
_LOOKED_AT = 50  # images of which one is usually there


class Coco(ImageFiles):
    """The images of one instances JSON, sorted by file name; those without annotations too.

    ``path`` is the folder that holds ``annotations`` and the images, or the JSON itself. Of several instances
    files instances_val2017.json is taken, then instances_val2014.json, then the only one with "val" in its
    name. Images are looked for in the folder named like the split (val2017), in images/val2017, images, and
    the folder itself. The identifier is the path in the folder: val2017/000000000009.jpg.

    Labels are the categories' names. A box is [x, x + w) × [y, y + h). A class's mask is the union of its
    objects, crowd regions (run lengths) included. ``pointing_difficult.csv`` works as for VOC. The JSON is
    read once; masks are drawn when they are asked for.
    """

    def __init__(self, path: str | Path) -> None:
        chosen = Path(path)
        if chosen.suffix == ".json" and chosen.is_file():
            self._json = chosen
            self.folder = chosen.parent.parent if chosen.parent.name == "annotations" else chosen.parent
        else:
            self.folder = existing_folder(chosen)
            self._json = _chosen_json(self.folder)
        self._table = read_coco_json(self._json)
        self._found = [{"file": self._json.name, "problem": problem} for problem in self._table.problems]
        prefix = _image_folder(self.folder, self._json, self._table)
        named = sorted((prefix + image.file_name, key) for key, image in self._table.images.items())
        self._keys = [key for _, key in named]
        self._samples = [Sample(name, self.folder / name) for name, _ in named]
        objects = (item for items in self._table.objects.values() for item in items)
        drawn = any(item.segmentation is not None for item in objects)
        self.ground_truth = frozenset({"boxes", "masks"} if drawn else {"boxes"})
        self._flag_file = self.folder / DIFFICULT_FILE
        self._flags = read_flags(self._flag_file) if self._flag_file.exists() else {}

    @property
    def class_labels(self) -> tuple[str, ...]:
        """The names of all categories in the file, in its order."""
        return self._table.labels

    def contents(self, index: int) -> Contents:
        items = self._objects(index)
        drawn = dict.fromkeys(item.box.label for item in items if item.segmentation is not None)
        return Contents(tuple(item.box.label for item in items), tuple(drawn))

    def _read_annotations(self, index: int) -> tuple[Annotations, list[str]]:
        items, sample = self._objects(index), self._samples[index]
        header = read_header(sample.path)
        given = self._table.images[self._keys[index]].size
        width, height = given or header.size
        if width * height > MAX_PIXELS:
            raise ImageError(f"Its annotations are for {width} × {height} pixels, more than can be read.")
        masks: dict[str, npt.NDArray[np.bool_]] = {}
        complaints = []
        for item in items:
            label = item.box.label
            if item.segmentation is None:
                if "masks" in self.ground_truth:
                    complaints.append(f"Annotation {item.id} ({label!r}) has a box but no segmentation.")
                continue
            mask = _mask_of(item, width, height)
            masks[label] = masks[label] | mask if label in masks else mask
        names = (sample.identifier, sample.path.name, sample.path.stem)
        flagged = next((self._flags[name] for name in names if name in self._flags), None)
        flags = {} if flagged is None else {"difficult": flagged}
        annotations, more = upright_annotations(
            header, given, [item.box for item in items], masks, flags=flags
        )
        return annotations, complaints + more

    def _annotation_files(self) -> Iterator[Path]:
        yield self._json
        if self._flag_file.exists():
            yield self._flag_file

    def _objects(self, index: int) -> list[CocoObject]:
        key = self._keys[index]
        if key in self._table.broken:
            raise ImageError(self._table.broken[key])
        return self._table.objects.get(key, [])


def _mask_of(item: CocoObject, width: int, height: int) -> npt.NDArray[np.bool_]:
    """bool [height, width] of one object. Raises ImageError."""
    try:
        if isinstance(item.segmentation, list):
            return polygons_mask(item.segmentation, height, width)
        if list(item.segmentation["size"]) != [height, width]:
            raise ValueError(f"its run lengths are for {item.segmentation['size']}, not [{height}, {width}]")
        return decode_rle(item.segmentation["counts"], height, width)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ImageError(f"Annotation {item.id} ({item.box.label!r}) cannot be drawn: {reason}.") from error


def _chosen_json(folder: Path) -> Path:
    """The instances file to read. Raises DatasetError."""
    files = sorted(folder.glob("annotations/instances*.json")) or sorted(folder.glob("instances*.json"))
    files = files or sorted(folder.glob("annotations/*.json")) or sorted(folder.glob("*.json"))
    if not files:
        raise DatasetError(
            f"{folder} has no JSON with annotations, such as annotations/instances_val2017.json."
        )
    for name in PREFERRED:
        for file in files:
            if file.name == name:
                return file
    validation = [file for file in files if "val" in file.name]
    for choice in (files, validation):
        if len(choice) == 1:
            return choice[0]
    raise DatasetError(
        f"{folder} has several files with annotations ({', '.join(file.name for file in files)}): give the path of "
        "the one to use."
    )


def _image_folder(folder: Path, file: Path, table: CocoFile) -> str:
    """The images' folder as the beginning of their relative paths: "val2017/". Raises DatasetError."""
    split = file.stem.removeprefix("instances_")
    places = (f"{split}/", f"images/{split}/", "images/", "", "annotations/")
    names = [image.file_name for image in table.images.values()]
    for looked_at in (names[:_LOOKED_AT], names):
        for place in places:
            if any((folder / f"{place}{name}").is_file() for name in looked_at):
                return place
    raise DatasetError(
        f"None of the {len(names)} images of {file} is in {folder}: expected {split}/{names[0]}, for example."
    )
