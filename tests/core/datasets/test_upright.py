"""Boxes and masks of photographs that EXIF turns, and boxes outside the image."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from saliency_core.datasets.base import Box
from saliency_core.datasets.images import ImageHeader
from saliency_core.datasets.upright import upright_annotations
from saliency_core.errors import ImageError


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_annotations_of_the_stored_picture_turn_with_it(orientation: int) -> None:
    """The object is a rectangle of white pixels; Pillow turns the picture, we turn box and mask."""
    stored = np.zeros((4, 7), np.uint8)  # 7 wide, 4 high
    stored[1:3, 4:7] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(picture)) > 0
    assert upright.shape == (7, 4)
    rows, columns = np.nonzero(upright)
    annotations, complaints = upright_annotations(
        ImageHeader(7, 4, orientation),
        (7, 4),
        [Box("cat", 4, 1, 7, 3, difficult=True)],
        {"cat": stored > 0},
        object_mask=stored > 0,
    )
    assert complaints == []
    assert (annotations.width, annotations.height) == (4, 7)
    assert annotations.boxes == (
        Box("cat", columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, difficult=True),
    )
    np.testing.assert_array_equal(annotations.masks["cat"], upright)
    np.testing.assert_array_equal(annotations.object_mask, upright)


def test_a_quarter_turn_worked_by_hand() -> None:
    # Stored lying, 7 × 4; orientation 6: turn clockwise. The stored top left corner becomes the top right one.
    annotations, _ = upright_annotations(ImageHeader(7, 4, 6), (7, 4), [Box("cat", 0, 0, 2, 1)])
    assert annotations.boxes == (Box("cat", 3, 0, 4, 2),)


def test_annotations_of_the_upright_picture_stay() -> None:
    annotations, complaints = upright_annotations(ImageHeader(7, 4, 6), (4, 7), [Box("cat", 3, 0, 4, 2)])
    assert annotations.boxes == (Box("cat", 3, 0, 4, 2),)
    assert complaints == []


@pytest.mark.parametrize(
    ("header", "size"),
    [(ImageHeader(7, 4, 3), (7, 4)), (ImageHeader(5, 5, 6), (5, 5)), (ImageHeader(7, 4, 6), None)],
)
def test_where_sizes_do_not_tell_it_is_said(header: ImageHeader, size: tuple[int, int] | None) -> None:
    annotations, complaints = upright_annotations(header, size, [Box("cat", 0, 0, 2, 1)])
    assert annotations.boxes == (Box("cat", 0, 0, 2, 1),)
    assert len(complaints) == 1
    assert "turned by EXIF" in complaints[0]


def test_annotations_of_another_size_are_refused() -> None:
    with pytest.raises(ImageError, match=r"for an image of 8 × 4 pixels, but the image has 7 × 4"):
        upright_annotations(ImageHeader(7, 4), (8, 4), [])


def test_boxes_are_cut_at_the_border_or_left_out() -> None:
    boxes = [
        Box("in", 0, 0, 7, 4),
        Box("rounding", -1, 0, 7.5, 4),
        Box("over", 2, 1, 9, 4),
        Box("outside", 7, 0, 9, 4),
        Box("turned round", 3, 2, 2, 4),
        Box("flat", 3, 2, 3, 4),
    ]
    annotations, complaints = upright_annotations(ImageHeader(7, 4), (7, 4), boxes)
    assert annotations.boxes == (
        Box("in", 0, 0, 7, 4),
        Box("rounding", 0, 0, 7, 4),
        Box("over", 2, 1, 7, 4),
    )
    assert complaints == [
        "The box 'over' (2, 1) to (9, 4) sticks out of the image of 7 × 4 pixels; it is cut.",
        "The box 'outside' (7, 0) to (9, 4) lies outside the image of 7 × 4 pixels; it is left out.",
        "The box 'turned round' (3, 2) to (2, 4) has no area; it is left out.",
        "The box 'flat' (3, 2) to (3, 4) has no area; it is left out.",
    ]
