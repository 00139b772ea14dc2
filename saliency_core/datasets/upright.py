"""Annotations in the coordinates of the upright image.

A camera stores a turned photograph as it came and notes the turn in EXIF; the library shows it upright. Its
annotations may have been drawn on either, and the size that they were drawn on tells: if only the stored size
fits, boxes and masks are turned with the image. Where sizes do not tell (a square, a turn by 180°, a mirror image, no
size given) the annotation is taken to be upright, and that is reported as a problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.base import Annotations, Box
from saliency_core.datasets.images import ImageHeader
from saliency_core.errors import ImageError

Mask = npt.NDArray[np.bool_]
_TOLERANCE = 1.0  # pixels by which a box may stick out before it is reported: rounding, counting from 0 or 1


def upright_annotations(
    header: ImageHeader,
    drawn_on: tuple[int, int] | None,
    boxes: Iterable[Box] = (),
    masks: Mapping[str, Mask] | None = None,
    object_mask: Mask | None = None,
    flags: Mapping[str, frozenset[str]] | None = None,
) -> tuple[Annotations, list[str]]:
    """Boxes and masks as they stand in a file, turned and cut to the image, and what is wrong with them.

    ``drawn_on``: (width, height) that the annotation file gives; None: it gives none. A box that sticks out is
    cut at the border; one with no area inside the image is left out; both are reported. Raises ImageError if
    ``drawn_on`` is neither the image's size nor its stored size.
    """
    complaints = []
    turned = False
    if header.orientation != 1:
        turned = drawn_on == header.stored_size and drawn_on != header.size
        if header.stored_size == header.size or drawn_on is None:
            complaints.append(
                f"The photograph is turned by EXIF (orientation {header.orientation}) and its annotation does "
                "not tell whether it was drawn before or after; taken as drawn on the upright image."
            )
    if drawn_on is not None and not turned and drawn_on != header.size:
        raise ImageError(
            f"Its annotation is for an image of {drawn_on[0]} × {drawn_on[1]} pixels, "
            f"but the image has {header.size[0]} × {header.size[1]}."
        )
    if turned:
        boxes = [_turned_box(box, header) for box in boxes]
        masks = {label: _turned_mask(mask, header.orientation) for label, mask in (masks or {}).items()}
        object_mask = None if object_mask is None else _turned_mask(object_mask, header.orientation)
    width, height = header.size
    kept = []
    for box in boxes:
        cut = replace(
            box,
            left=max(box.left, 0.0),
            top=max(box.top, 0.0),
            right=min(box.right, float(width)),
            bottom=min(box.bottom, float(height)),
        )
        corners = f"{box.label!r} ({box.left:g}, {box.top:g}) to ({box.right:g}, {box.bottom:g})"
        if box.left >= box.right or box.top >= box.bottom:
            complaints.append(f"The box {corners} has no area; it is left out.")
        elif cut.left >= cut.right or cut.top >= cut.bottom:
            complaints.append(
                f"The box {corners} lies outside the image of {width} × {height} pixels; it is left out."
            )
        else:
            kept.append(cut)
            if _distance(box, cut) > _TOLERANCE:
                complaints.append(
                    f"The box {corners} sticks out of the image of {width} × {height} pixels; it is cut."
                )
    return Annotations(width, height, tuple(kept), masks or {}, object_mask, flags or {}), complaints


def _distance(box: Box, cut: Box) -> float:
    return max(
        abs(box.left - cut.left),
        abs(box.top - cut.top),
        abs(box.right - cut.right),
        abs(box.bottom - cut.bottom),
    )


def _turned_box(box: Box, header: ImageHeader) -> Box:
    """The box after the quarter turn that sets the image upright; x and y change places in all four."""
    width, height = header.stored_size
    left, right = box.top, box.bottom
    top, bottom = box.left, box.right
    if header.orientation in (6, 7):  # what was below is now on the left
        left, right = height - right, height - left
    if header.orientation in (7, 8):  # what was on the right is now above
        top, bottom = width - bottom, width - top
    return replace(box, left=left, top=top, right=right, bottom=bottom)


def _turned_mask(mask: Mask, orientation: int) -> Mask:
    turned = mask.T
    if orientation in (6, 7):
        turned = turned[:, ::-1]
    if orientation in (7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
