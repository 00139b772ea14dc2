from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import protocol
from saliency_core.experiments.insertion_deletion import InsertionDeletion, InsertionDeletionProtocol
from saliency_core.scoring.canvas import rise_canvas, rise_kernel
from tests.core import literal
from tests.core.experiments.explained import explained_of


def literal_kernel() -> np.ndarray:
    """A Gaussian of 41 taps applied to a one amid eleven, both borders mirrored with the edge repeated."""
    weights = np.array([math.exp(-(tap**2) / 50) for tap in range(-20, 21)])
    weights /= weights.sum()
    mirrored = [*range(11), *range(10, -1, -1)]  # period 22
    line = np.zeros(11)
    for place in range(11):
        for tap in range(-20, 21):
            if mirrored[(place + tap) % 22] == 5:
                line[place] += weights[tap + 20]
    return np.outer(line, line)


def literal_canvas(image: np.ndarray) -> np.ndarray:
    kernel, (_, height, width) = literal_kernel(), image.shape
    result = np.zeros_like(image, dtype=np.float64)
    for y in range(height):
        for x in range(width):
            for row in range(max(0, y - 5), min(height, y + 6)):
                for column in range(max(0, x - 5), min(width, x + 6)):
                    result[:, y, x] += kernel[row - y + 5, column - x + 5] * image[:, row, column]
    return result


def test_kernel_is_the_almost_flat_one_of_rise() -> None:
    kernel = rise_kernel()
    assert kernel.shape == (11, 11)
    assert kernel.sum() == pytest.approx(1)
    assert kernel.min() == kernel[0, 0] == kernel[10, 10] == pytest.approx(0.00774, abs=5e-6)
    assert kernel.max() == kernel[5, 5] == pytest.approx(0.00883, abs=5e-6)
    np.testing.assert_allclose(kernel, literal_kernel(), atol=1e-12)


def test_borders_fade_to_the_mean_colour() -> None:
    canvas = rise_canvas(torch.ones(1, 3, 20, 20))
    torch.testing.assert_close(canvas[0, :, 10, 10], torch.ones(3), atol=1e-6, rtol=0)
    quarter = float(rise_kernel()[5:, 5:].sum())
    torch.testing.assert_close(canvas[0, :, 0, 0], torch.full((3,), quarter), atol=1e-6, rtol=0)
    assert 0.29 < quarter < 0.31


def test_protocol() -> None:
    rise = protocol("insertion_deletion", "rise@1")
    assert isinstance(rise, InsertionDeletionProtocol)
    assert rise.steps == 224
    values = rise.to_dict()
    assert (values["insertion_canvas"], values["deletion_canvas"]) == ("rise_blur", "zeros")
    assert (values["step_pixels"], values["blur_kernel"], values["blur_sigma"]) == (224, 11, 5.0)
    assert (values["pipeline"], values["size"]) == ("squash", 224)
    assert InsertionDeletion.forwards_per_image(rise) == 449  # 2 · 223 between the ends, image, both canvases


def test_measure_equals_the_literal_loop(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    tiny = InsertionDeletionProtocol(
        name="tiny-rise@1",
        summary="for tests",
        source="none",
        size=32,
        step_pixels=32,
        insertion_canvas="rise_blur",
        deletion_canvas="zeros",
        blur_kernel=11,
        blur_sigma=5.0,
    )
    maps = torch.rand(2, 32, 32, generator=torch.Generator().manual_seed(5))
    measured = InsertionDeletion(tiny).measure(explained_of(tiny_classifier, tiny_images[:2], maps, [1, 3]))
    for number, target in enumerate((1, 3)):
        image, saliency = tiny_images[number].numpy(), maps[number].numpy()
        model = tiny_classifier.model
        insertion, _ = literal.insertion_and_deletion(
            model, image, saliency, target, literal_canvas(image), 32
        )
        _, deletion = literal.insertion_and_deletion(model, image, saliency, target, np.zeros_like(image), 32)
        np.testing.assert_allclose(measured.curves["insertion"][number], insertion, atol=1e-5)
        np.testing.assert_allclose(measured.curves["deletion"][number], deletion, atol=1e-5)
