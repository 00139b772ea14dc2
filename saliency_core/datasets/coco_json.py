"""COCO's instances files: JSON in, checked tables out."""

from __future__ import annotations

import json
import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saliency_core.datasets.base import Box
from saliency_core.datasets.files import is_unicode, stays_inside
from saliency_core.errors import DatasetError

_KEPT = (
    "id",
    "image_id",
    "category_id",
    "bbox",
    "iscrowd",
    "segmentation",
    "file_name",
    "width",
    "height",
    "name",
)


@dataclass(frozen=True, slots=True)
class CocoObject:
    """One annotation. ``segmentation``: polygons, run lengths {"counts", "size"}, or None if it has none."""

    id: Any
    box: Box
    segmentation: Any


@dataclass(frozen=True, slots=True)
class CocoImage:
    """``size``: (width, height) that boxes and masks refer to, None where the file does not say."""

    file_name: str
    size: tuple[int, int] | None


@dataclass
class CocoFile:
    """``objects`` and ``broken`` (what is wrong with one of an image's annotations) are by image id, which is a
    key of ``images``; ``problems`` are sentences about the file as a whole.
    """

    labels: tuple[str, ...] = ()
    images: dict[Any, CocoImage] = field(default_factory=dict)
    objects: dict[Any, list[CocoObject]] = field(default_factory=dict)
    broken: dict[Any, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read_coco_json(file: Path) -> CocoFile:
    """Read an instances file. Raises DatasetError if it is none; smaller faults are among the problems."""
    content = _parsed(file)
    table = CocoFile()
    names = _category_names(file, content["categories"], table)
    table.labels = tuple(dict.fromkeys(names.values()))
    _add_images(content["images"], table)
    if not table.images:
        raise DatasetError(f"{file} names no images.")
    unknown_images: Counter[str] = Counter()
    unknown_categories: Counter[str] = Counter()
    for item in content["annotations"]:
        image = item.get("image_id") if isinstance(item, dict) else None
        if not _is_key(image) or image not in table.images:
            unknown_images[str(image)[:40]] += 1
        elif not _is_key(item.get("category_id")) or item["category_id"] not in names:
            unknown_categories[str(item.get("category_id"))[:40]] += 1
        else:
            _add_object(item, names[item["category_id"]], table)
    table.problems += [
        f"{count} annotations are for image {key}, which the file does not have; left out."
        for key, count in unknown_images.items()
    ]
    table.problems += [
        f"{count} annotations are of category {key}, which the file does not have; left out."
        for key, count in unknown_categories.items()
    ]
    if not table.objects and not table.broken:
        raise DatasetError(f"{file} has no annotations: choose an instances file.")
    return table


def _parsed(file: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(file.read_bytes(), object_hook=_slim)
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{file} is not a readable JSON file: {error}.") from error
    keys = ("images", "categories", "annotations")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise DatasetError(f"{file} is not a COCO instances file: it must have the lists {', '.join(keys)}.")
    return content


def _slim(item: dict[str, Any]) -> dict[str, Any]:
    """Called for every object of the JSON: coordinates as packed numbers and no licences, so that the 160 MB of
    instances_val2014.json stay small in memory.
    """
    if "counts" in item:
        item["counts"] = _packed(item["counts"], "q")
    elif "bbox" in item or "file_name" in item:
        item = {key: item[key] for key in _KEPT if key in item}
        if isinstance(item.get("segmentation"), list):
            item["segmentation"] = [_packed(polygon, "d") for polygon in item["segmentation"]]
    return item


def _packed(numbers: Any, kind: str) -> Any:
    if not isinstance(numbers, list):
        return numbers
    try:
        return array(kind, numbers)
    except (TypeError, OverflowError):  # said when the mask is drawn
        return None


def _category_names(file: Path, categories: list[Any], table: CocoFile) -> dict[Any, str]:
    names: dict[Any, str] = {}
    for item in categories:
        key, name = (item.get("id"), item.get("name")) if isinstance(item, dict) else (None, None)
        if not _is_key(key) or not isinstance(name, str) or not name.strip() or key in names:
            raise DatasetError(f"{file} has a category without a name or an id of its own: {str(item)[:80]}.")
        if name in names.values():
            table.problems.append(f"Two categories are named {name!r}; they count as one.")
        names[key] = name
    return names


def _add_images(images: list[Any], table: CocoFile) -> None:
    seen: set[str] = set()
    for item in images:
        key, name = (item.get("id"), item.get("file_name")) if isinstance(item, dict) else (None, None)
        if not isinstance(name, str) or not is_unicode(name) or not stays_inside(name) or not _is_key(key):
            table.problems.append(f"An image has no id or no usable file_name: {str(item)[:80]}; left out.")
        elif key in table.images or name in seen:
            table.problems.append(f"The image {name} (id {key}) is named more than once; the first counts.")
        else:
            seen.add(name)
            width, height = item.get("width"), item.get("height")
            known = isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0
            table.images[key] = CocoImage(name, (width, height) if known else None)


def _add_object(item: dict[str, Any], label: str, table: CocoFile) -> None:
    image, bbox = item["image_id"], item.get("bbox")
    edges = [float(edge) for edge in bbox if isinstance(edge, (int, float))] if isinstance(bbox, list) else []
    if len(edges) != 4 or not all(map(math.isfinite, edges)):
        table.broken.setdefault(
            image, f"Annotation {item.get('id')} ({label!r}) has no bbox of four numbers x, y, width, height."
        )
        return
    x, y, width, height = edges
    box = Box(label, x, y, x + width, y + height, crowd=bool(item.get("iscrowd")))
    table.objects.setdefault(image, []).append(
        CocoObject(item.get("id"), box, item.get("segmentation") or None)
    )


def _is_key(value: Any) -> bool:
    return isinstance(value, (int, str))
