from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core.errors import ParameterError
from saliency_core.scoring.canvas import blurred_canvas, mean_canvas, zero_canvas
from saliency_core.scoring.ranking import pixel_ranks, step_count
from tests.core import literal


def test_ranks_by_hand_with_ties_in_raster_order() -> None:
    maps = torch.tensor([[[0.5, 0.0, 0.9], [0.5, 0.9, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    # 0.9 at 2 and 4, 0.5 at 0 and 3, 0 at 1 and 5; a constant map keeps the raster order
    assert pixel_ranks(maps).tolist() == [[2, 4, 0, 3, 1, 5], [0, 1, 2, 3, 4, 5]]
    assert pixel_ranks(maps).dtype == torch.int32


def test_negative_zero_ties_with_zero() -> None:
    assert pixel_ranks(torch.tensor([[[0.0, -0.0, 0.0, -1.0]]])).tolist() == [[0, 1, 2, 3]]


def test_ranks_of_a_large_map_full_of_ties_are_stable() -> None:
    values = np.random.default_rng(0).integers(0, 5, (224, 224)).astype(np.float32)
    ranks = pixel_ranks(torch.from_numpy(values)[None])[0]
    assert ranks[literal.order_of(values)].tolist() == list(range(224 * 224))


def test_448_pixels_a_step_make_112_steps() -> None:
    assert step_count(224 * 224, 448) == 112
    assert step_count(10, 4) == 3
    assert step_count(8, 4) == 2


def test_blur_equals_a_literal_separable_convolution() -> None:
    image = np.random.default_rng(1).normal(size=(3, 64, 72)).astype(np.float32)
    blurred = blurred_canvas(torch.from_numpy(image)[None], 51, 50.0)[0].numpy()
    np.testing.assert_allclose(blurred, literal.blur(image, 51, 50.0), atol=2e-6)


def test_blur_by_hand_at_a_reflected_border() -> None:
    # Three taps, sigma 1: weights e^-.5 : 1 : e^-.5, that is .274069, .451863, .274069; the edge is not repeated.
    row = torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(1, 3, 4, 4)
    blurred = blurred_canvas(row, 3, 1.0)[0, 0, 1]
    torch.testing.assert_close(blurred, torch.tensor([0.451863, 0.274069, 0.0, 0.0]), atol=1e-6, rtol=0)


def test_blur_keeps_a_constant_and_zero_canvas_is_zero() -> None:
    images = torch.full((2, 3, 60, 60), 0.7)
    torch.testing.assert_close(blurred_canvas(images), images, atol=1e-6, rtol=0)
    assert zero_canvas(images).abs().sum() == 0


def test_the_mean_colour_is_each_images_own() -> None:
    images = torch.randn(2, 3, 4, 6, generator=torch.Generator().manual_seed(0))
    canvas = mean_canvas(images)
    assert canvas.shape == images.shape
    torch.testing.assert_close(canvas[1, 2, 3, 5], images[1, 2].mean())
    assert canvas.flatten(2).std(2).max() == 0


def test_blurs_that_cannot_be_done_are_refused() -> None:
    with pytest.raises(ParameterError, match="at least 26 pixels a side; these have 25"):
        blurred_canvas(torch.zeros(1, 3, 40, 25))
    assert blurred_canvas(torch.zeros(1, 3, 40, 26)).shape == (1, 3, 40, 26)
    with pytest.raises(ParameterError, match="odd number of pixels; got 10"):
        blurred_canvas(torch.zeros(1, 3, 40, 40), kernel=10)
