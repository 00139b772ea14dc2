"""What is in a data set, counted."""

from __future__ import annotations

from typing import Any

from saliency_core.datasets.base import Dataset
from saliency_core.datasets.survey import survey


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts of everything, as plain values (see Dataset.describe). Reads annotations, but no pixels of images."""
    found = survey(dataset)
    named = dataset.class_labels
    classes = [
        *(label for label in named if label in found.images),
        *sorted(found.images.keys() - set(named)),
    ]
    return {
        "images": len(dataset),
        "ground_truth": sorted(dataset.ground_truth),
        "classes": classes,
        "classes_named": len(named),
        "labelled": found.labels.total(),
        "images_per_class": {label: found.labels[label] for label in classes if label in found.labels},
        "boxes": found.boxes.total(),
        "images_with_boxes": found.images_with_boxes,
        "boxes_per_class": {label: found.boxes[label] for label in classes if label in found.boxes},
        "class_masks": found.masks.total(),
        "images_with_class_masks": found.images_with_masks,
        "masks_per_class": {label: found.masks[label] for label in classes if label in found.masks},
        "object_masks": found.object_masks,
        "broken_annotations": found.broken,
        "fingerprint": dataset.fingerprint(),
    }
