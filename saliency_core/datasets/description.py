"""What is in a data set, counted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from saliency_core.datasets.base import Dataset
from saliency_core.errors import ImageError


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts of everything, as plain values (see Dataset.describe). Reads annotations, but no pixels of images."""
    images: Counter[str] = Counter()
    boxes: Counter[str] = Counter()
    masks: Counter[str] = Counter()
    labelled = with_boxes = with_masks = object_masks = broken = 0
    for index in range(len(dataset)):
        label = dataset.sample(index).label
        if label is not None:
            labelled += 1
            images[label] += 1
        try:
            contents = dataset.contents(index)
        except ImageError:
            broken += 1
            continue
        boxes.update(contents.boxes)
        masks.update(contents.masks)
        with_boxes += bool(contents.boxes)
        with_masks += bool(contents.masks)
        object_masks += contents.object_mask
    present = images.keys() | boxes.keys() | masks.keys()
    named = dataset.class_labels
    classes = [*(label for label in named if label in present), *sorted(present - set(named))]
    return {
        "images": len(dataset),
        "ground_truth": sorted(dataset.ground_truth),
        "classes": classes,
        "classes_named": len(named),
        "labelled": labelled,
        "images_per_class": {label: images[label] for label in classes if label in images},
        "boxes": boxes.total(),
        "images_with_boxes": with_boxes,
        "boxes_per_class": {label: boxes[label] for label in classes if label in boxes},
        "class_masks": masks.total(),
        "images_with_class_masks": with_masks,
        "masks_per_class": {label: masks[label] for label in classes if label in masks},
        "object_masks": object_masks,
        "broken_annotations": broken,
        "fingerprint": dataset.fingerprint(),
    }
