"""The masks of RISE against scikit-image, literally, and as a sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.transform import resize

from saliency_core.scoring.random_masks import RandomMasks


@pytest.mark.parametrize(
    ("size", "cells"), [((224, 224), 7), ((224, 224), 8), ((32, 41), 7), ((60, 35), 2), ((20, 30), 10)]
)
def test_masks_are_those_of_scikit_images_resize(size: tuple[int, int], cells: int) -> None:
    masks = RandomMasks(size, 12, cells, 0.5, seed=3)
    fast = masks.chunk(0, 12).numpy()
    sides = [-(-length // cells) for length in size]
    seen_offsets = set()
    for number in range(12):
        grid = masks._grids[number].numpy().astype(np.float64)
        large = resize(
            grid,
            [(cells + 1) * side for side in sides],
            order=1,
            mode="reflect",
            anti_aliasing=False,
        )
        top, left = (int(offsets[number]) for offsets in masks._offsets)
        assert 0 <= top < sides[0]
        assert 0 <= left < sides[1]
        seen_offsets.add((top, left))
        expected = large[top : top + size[0], left : left + size[1]]
        np.testing.assert_allclose(fast[number], expected, atol=1e-6, rtol=0)
    assert len(seen_offsets) > 3


def test_clamped_positions_would_differ_near_the_border() -> None:
    masks = RandomMasks((56, 56), 1, 7, seed=0)
    masks._offsets = [torch.zeros(1, dtype=torch.int64)] * 2
    clamped = torch.nn.functional.interpolate(masks._grids[:, None].float(), size=(64, 64), mode="bilinear")
    difference = (masks.chunk(0, 1) - clamped[:, 0, :56, :56]).abs()[0]
    assert difference[5:, 5:].max() < 1e-6  # half a cell is 64 / 7 / 2 = 4.6 pixels
    assert difference.max() > 0.3


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_statistics(probability: float) -> None:
    masks = RandomMasks((49, 49), 4000, 7, probability, seed=1).chunk(0, 4000)
    assert masks.min() >= 0
    assert masks.max() <= 1 + 1e-6
    # Bernoulli cells interpolated: every pixel has the mean p; its standard error is below √(p(1−p)/4000).
    error = (probability * (1 - probability) / 4000) ** 0.5
    assert (masks.mean(0) - probability).abs().max() < 5 * error
    neighbours = torch.corrcoef(masks[:, 24, 20:30:9].T)[0, 1]
    far = torch.corrcoef(masks[:, 24, 5:40:30].T)[0, 1]
    assert far.abs() < 0.08 < neighbours


def test_a_set_depends_on_its_description_alone() -> None:
    state = torch.get_rng_state()
    whole = RandomMasks((30, 40), 25, 5, 0.4, seed=9).chunk(0, 25)
    parts = torch.cat(list(RandomMasks((30, 40), 25, 5, 0.4, seed=9).chunks(7)))
    assert torch.equal(whole, parts)
    assert [len(part) for part in RandomMasks((30, 40), 25).chunks(7)] == [7, 7, 7, 4]
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(whole, RandomMasks((30, 40), 25, 5, 0.4, seed=10).chunk(0, 25))
