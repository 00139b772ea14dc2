"""COCO's run lengths and polygons, by hand and against pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from saliency_core.datasets.polygons import polygons_mask
from saliency_core.datasets.rle import decode_rle, decompressed_counts


def test_counts_run_down_the_columns() -> None:
    # 3 high, 4 wide: 2 off, 3 on, 6 off, 1 on
    expected = [
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [1, 0, 0, 1],
    ]
    assert decode_rle([2, 3, 6, 1], 3, 4).astype(int).tolist() == expected
    assert decode_rle([0, 6], 2, 3).all()
    assert not decode_rle([6], 2, 3).any()


def test_compressed_counts_by_hand() -> None:
    # 2 → "2" (48 + 2), 3 → "3", 6 → "6"; the fourth is written as 1 − 3 = −2: five bits 11110 = 30, sign bit set,
    # no more to come → 48 + 30 = "N".
    assert decompressed_counts("236N") == [2, 3, 6, 1]
    # 100 = 00011 00100: low five bits 4 with "more" → 48 + 4 + 32 = "T", then 3 → "3". 16 alone would read as negative,
    # so it takes two: 16 + 32 + 48 = "`", then 0.
    assert decompressed_counts("T3`0") == [100, 16]
    assert decode_rle("236N", 3, 4).tolist() == decode_rle([2, 3, 6, 1], 3, 4).tolist()


def test_random_masks_as_pycocotools_writes_them() -> None:
    generator = np.random.default_rng(0)
    for height, width, density in [
        (1, 1, 0.5),
        (7, 5, 0.5),
        (40, 33, 0.02),
        (64, 200, 0.98),
        (300, 400, 0.0),
    ]:
        mask = generator.random((height, width)) < density
        encoded = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        np.testing.assert_array_equal(decode_rle(encoded["counts"], height, width), mask)
        np.testing.assert_array_equal(decode_rle(encoded["counts"].decode(), height, width), mask)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([2, 3], "add up to 5 instead of 3 × 4"),
        ([2, 30], "not lengths"),
        ([5, -1, 8], "not lengths"),
        ([2**62, 2**62], "not lengths"),
        ("236 ", "does not belong"),
        ("236ñ", "does not belong"),
        ("23`", "breaks off"),
        ("o" * 40, "does not belong"),
    ],
)
def test_damaged_run_lengths(counts: list[int] | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_rle(counts, 3, 4)


def test_polygons_cover_the_pixels_between_their_edges() -> None:
    mask = polygons_mask([[1, 1, 4, 1, 4, 3, 1, 3]], 5, 6)
    assert mask.dtype == bool
    assert mask.astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    both = polygons_mask([[1, 1, 4, 1, 4, 3, 1, 3], [3, 2, 6, 2, 6, 5, 3, 5]], 5, 6)
    assert int(both.sum()) == 6 + 9 - 1


@pytest.mark.parametrize(
    "polygon",
    [[1, 1, 4, 4], [1, 1, 4, 1, 4], [[1, 1], [4, 1], [4, 3]], [0, 0, 1e9, 0, 0, 1], [0, 0, np.nan, 0, 0, 1]],
)
def test_polygons_that_cannot_be_drawn(polygon: list[float]) -> None:
    with pytest.raises(ValueError, match=r"its polygon (is not|has points)"):
        polygons_mask([polygon], 5, 6)
