from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.enhancement.low_pass import low_pass
from saliency_core.enhancement.windows import window_grid

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def test_random_map_belongs_to_image_and_seed(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    state = torch.get_rng_state()
    method = create_method("random_map", tiny_classifier)
    maps = method.explain(tiny_images, TARGETS).maps
    assert torch.equal(torch.get_rng_state(), state)
    reverse = method.explain(tiny_images.flip(0), TARGETS).maps.flip(0)
    assert torch.equal(maps, reverse)
    assert torch.equal(method.explain(tiny_images[2:3], TARGETS[:1]).maps[0], maps[2])
    assert not torch.equal(maps[0], maps[1])
    other = create_method("random_map", tiny_classifier, seed=1).explain(tiny_images, TARGETS).maps
    assert not torch.equal(maps, other)
    assert maps.mean().item() == pytest.approx(0.5, abs=0.02)


def test_centre_gaussian_pixel_by_pixel(tiny_classifier: Classifier) -> None:
    images = torch.zeros(1, 3, 6, 8)
    maps = create_method("centre_gaussian", tiny_classifier, sigma=0.3).explain(images, TARGETS[:1]).maps
    for y in range(6):
        for x in range(8):
            up, across = (y + 0.5) / 6 - 0.5, (x + 0.5) / 8 - 0.5
            expected = math.exp(-(up**2 + across**2) / (2 * 0.3**2))
            assert maps[0, y, x].item() == pytest.approx(expected, rel=1e-6)


def test_edge_detector_equals_scipy_on_the_grey_picture(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    preprocessing = tiny_classifier.preprocessing
    maps = create_method("edge_detector", tiny_classifier).explain(tiny_images, TARGETS).maps
    mean, std = np.array(preprocessing.mean), np.array(preprocessing.std)
    for image, saliency in zip(tiny_images.double().numpy(), maps, strict=True):
        colours = image * std[:, None, None] + mean[:, None, None]
        grey = 0.299 * colours[0] + 0.587 * colours[1] + 0.114 * colours[2]
        vertical, horizontal = (ndimage.sobel(grey, axis=axis, mode="nearest") for axis in (0, 1))
        np.testing.assert_allclose(saliency.numpy(), np.hypot(vertical, horizontal), atol=1e-5)


def test_edge_detector_by_hand_and_on_a_flat_image(tiny_classifier: Classifier) -> None:
    std = tiny_classifier.preprocessing.std
    images = torch.full((2, 3, 4, 4), 0.3)
    for channel in range(3):
        images[0, channel, :, 2:] += 1 / std[channel]  # a step of 1 in every colour, hence in grey
    explanation = create_method("edge_detector", tiny_classifier).explain(images, TARGETS[:2])
    torch.testing.assert_close(explanation.maps[0], torch.tensor([0.0, 4, 4, 0]).expand(4, 4))
    assert explanation.degenerate.tolist() == [False, True]


def test_coverage_pattern_is_the_filtered_number_of_windows(tiny_classifier: Classifier) -> None:
    images = torch.zeros(2, 3, 224, 224)
    coverage = window_grid(224, 224).coverage()
    raw = create_method("coverage_pattern", tiny_classifier, low_pass=False).explain(images, TARGETS[:2])
    assert torch.equal(raw.maps[1], coverage)
    smooth = create_method("coverage_pattern", tiny_classifier).explain(images, TARGETS[:2])
    torch.testing.assert_close(smooth.maps[0], low_pass(coverage[None])[0])


@pytest.mark.parametrize("key", ["random_map", "centre_gaussian", "edge_detector", "coverage_pattern"])
def test_an_undefined_image_has_no_map(
    key: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    images = tiny_images.clone()
    images[2, 0, 5, 5] = float("nan")
    explanation = create_method(key, tiny_classifier).explain(images, TARGETS)
    assert explanation.degenerate.tolist() == [number == 2 for number in range(6)]
    assert method_cost(key) == 0


def method_cost(key: str) -> float:
    from saliency_core.methods.registry import method_description

    return method_description(key).work({}).forward_equivalents
