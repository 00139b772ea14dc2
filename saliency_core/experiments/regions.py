"""The part of an image in which a map should be high, by the kind of ground truth an experiment uses."""

from __future__ import annotations

from typing import Literal

import numpy as np

from saliency_core.errors import DatasetError
from saliency_core.experiments.ground_truth import Mask, Truth

RegionKind = Literal["boxes", "masks", "object_mask", "all_masks"]


def region_of(truth: Truth | None, label: str | None, kind: RegionKind, *, framed: bool) -> Mask:
    """Bool [H, W] at the image's own size or, ``framed``, [size, size] as the classifier sees it.

    "boxes": union of the filled boxes of ``label``, crowd regions and difficult ones included; "masks": the mask
    of ``label``; "object_mask": the foreground of whatever class; "all_masks": the union of all classes' masks.
    Raises DatasetError where the image lacks it.
    """
    if truth is None:
        raise DatasetError("The image has no boxes and no masks to compare its map with.")
    annotations = truth.annotations
    if kind == "boxes":
        return truth.box_mask(truth.boxes(_named(label)), framed=framed)
    mask: Mask | None
    if kind == "masks":
        mask = annotations.masks.get(_named(label))
    elif kind == "object_mask":
        mask = annotations.object_mask
    else:
        mask = np.zeros((annotations.height, annotations.width), dtype=np.bool_)
        for each in annotations.masks.values():
            mask |= each
    if mask is None:
        raise DatasetError(f"The image has no {_KINDS[kind]}: its annotations are incomplete.")
    return truth.framed(mask) if framed else mask


_KINDS = {"masks": "mask of the class explained", "object_mask": "mask of its objects"}


def _named(label: str | None) -> str:
    if label is None:
        raise DatasetError(
            "Boxes and masks of a class can be compared only with maps of an annotated class: "
            'the target rule must be "annotated".'
        )
    return label
