"""One look at every image's annotations: which classes are where, and how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from saliency_core.datasets.base import Dataset
from saliency_core.errors import ImageError


@dataclass
class Survey:
    """``classes_of_images``: for each image the classes on it, as its label, with a box or with a mask, in the order
    of their first appearance. ``images``: on how many images each class occurs; ``labels``, ``boxes``, ``masks``: how
    often it is an image's label, has a box, has a mask. The other numbers count images.
    """

    classes_of_images: list[tuple[str, ...]] = field(default_factory=list)
    images: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    boxes: Counter[str] = field(default_factory=Counter)
    masks: Counter[str] = field(default_factory=Counter)
    images_with_boxes: int = 0
    images_with_masks: int = 0
    object_masks: int = 0
    broken: int = 0


def survey(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Survey:
    """Look at all images of a data set; no pixels are read. Annotations that can't be read count as ``broken``.

    ``progress(done, total)`` is called after each image; what it raises stops the work.
    """
    found = Survey()
    for index in range(len(dataset)):
        label = dataset.sample(index).label
        here = [] if label is None else [label]
        found.labels.update(here)
        try:
            contents = dataset.contents(index)
        except ImageError:
            found.broken += 1
        else:
            found.boxes.update(contents.boxes)
            found.masks.update(contents.masks)
            found.images_with_boxes += bool(contents.boxes)
            found.images_with_masks += bool(contents.masks)
            found.object_masks += contents.object_mask
            here += [*contents.boxes, *contents.masks]
        classes = tuple(dict.fromkeys(here))
        found.images.update(classes)
        found.classes_of_images.append(classes)
        if progress is not None:
            progress(index + 1, len(dataset))
    return found
