"""Which image is meant, and its pixels: one of a data set, or a picture that a member brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Annotations
from saliency_core.datasets.images import read_image
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.errors import SaliscopeError
from webapp.library.models import Classifier, Dataset
from webapp.library.open_datasets import identifiers_and_labels, opened
from webapp.studio.models import Asked, Picture

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True)
class Source:
    """`dataset` with the `image`'s identifier in it, or a `picture`."""

    dataset: Dataset | None
    image: str
    picture: Picture | None = None

    @property
    def name(self) -> str:
        return self.picture.name if self.picture else self.image

    @property
    def fingerprint(self) -> str:
        """What a digest knows the image by, besides its identifier. Nobody else's maps are named by a picture, nor by
        an image of a member's data set, whose fingerprint knows nothing of pixels.
        """
        if self.picture is not None:
            return f"picture {self.picture.owner_id}"
        assert self.dataset is not None
        if self.dataset.owner_id is None:
            return self.dataset.fingerprint
        return f"data set {self.dataset.pk} {self.dataset.fingerprint}"

    @property
    def identifier(self) -> str:
        return self.picture.digest if self.picture else self.image

    def address(self) -> dict[str, str]:
        """How a page's address names it."""
        if self.picture is not None:
            return {"picture": str(self.picture.pk)}
        assert self.dataset is not None
        return {"dataset": str(self.dataset.pk), "image": self.image}

    def fields(self) -> dict[str, object]:
        """The fields of a row that is about it."""
        return {"dataset": self.dataset, "picture": self.picture, "image": self.identifier}

    def pixels(self) -> Image:
        """The whole image, RGB. Raises SaliscopeError."""
        if self.picture is not None:
            return read_image(self.picture.path)
        assert self.dataset is not None
        dataset = opened(self.dataset)
        return dataset.image(dataset.index_of(self.image))


def source_of(row: Asked) -> Source:
    return Source(row.dataset, row.image, row.picture)


def found_images(row: Dataset, text: str) -> list[int]:
    """Indices of the images whose identifier or class has this text, those of the class of that very name first.

    Raises DatasetError if the folder is gone.
    """
    text = text.strip().lower()
    listed = identifiers_and_labels(row)
    hits = [
        index
        for index, (identifier, label) in enumerate(listed)
        if text in identifier.lower() or text in label.lower()
    ]
    return sorted(hits, key=lambda index: listed[index][1].lower() != text)


def class_names_of(classifier: Classifier) -> list[str]:
    return classifier.description.get("class_names") or classifier.class_names


@dataclass(frozen=True)
class KnownMask:
    """Where the object is, [H, W] as the classifier sees the image; `label`: its class in the data set, "" for any."""

    label: str
    mask: npt.NDArray[np.bool_]


def known_mask(
    source: Source, classifier: Classifier, target: int | None, preprocessing: dict[str, Any]
) -> KnownMask | None:
    """The mask of the explained class, or of whatever object there is; None where the data set knows none."""
    if source.dataset is None or not {"masks", "object_mask"} & set(source.dataset.ground_truth):
        return None
    dataset = opened(source.dataset)
    try:
        known = dataset.annotations(dataset.index_of(source.image))
    except SaliscopeError:
        return None
    label, mask = _meant(known, classifier, target)
    if mask is None:
        return None
    framed = Preprocessing.from_dict(preprocessing).framed_mask(np.asarray(mask))
    return KnownMask(label, framed) if framed.any() else None


def _meant(
    known: Annotations, classifier: Classifier, target: int | None
) -> tuple[str, npt.NDArray[np.bool_] | None]:
    if target is not None and known.masks:
        names, ids = class_names_of(classifier), classifier.description.get("class_ids", [])
        mapping = ClassMapping.for_labels(known.masks, names, ids)
        for label, mask in known.masks.items():
            if target in mapping.classes_of(label):
                return label, mask
    if known.object_mask is None and known.masks:
        return "", np.logical_or.reduce(list(known.masks.values()))
    return "", known.object_mask
