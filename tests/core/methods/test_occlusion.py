from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from tests.core.literal import blur
from tests.core.methods.literal_masking import Network

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def starts(length: int, patch: int, stride: int) -> list[int]:
    found, at = [], 0
    while at + patch < length:
        found.append(at)
        at += stride
    return [*found, length - patch]


def literal(
    network: Network, image: np.ndarray, target: int, cover: np.ndarray, patch: int, stride: int
) -> np.ndarray:
    height, width = image.shape[1:]
    total, times = np.zeros((height, width)), np.zeros((height, width))
    untouched = network.probabilities(image)[target]
    for top in starts(height, patch, stride):
        for left in starts(width, patch, stride):
            area = (slice(top, top + patch), slice(left, left + patch))
            covered = image.copy()
            covered[(slice(None), *area)] = cover[(slice(None), *area)]
            total[area] += untouched - network.probabilities(covered)[target]
            times[area] += 1
    assert times.min() >= 1
    return total / times


@pytest.mark.parametrize(("patch", "stride"), [(8, 8), (10, 7), (16, 5)])
@pytest.mark.parametrize("baseline", ["zero", "blur", "mean"])
def test_equals_the_literal_form(
    baseline: str, patch: int, stride: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    images = torch.cat([tiny_images, tiny_images[:, :, :, :9]], 3)[:2]  # 32 × 41 pixels
    method = create_method("occlusion", tiny_classifier, patch=patch, stride=stride, baseline=baseline)
    explanation = method.explain(images, TARGETS[:2])
    network = Network(tiny_classifier.model, 4)
    for image, target, saliency in zip(images.double().numpy(), TARGETS, explanation.maps, strict=False):
        cover = {
            "zero": np.zeros_like(image),
            "blur": blur(image, 51, 50.0),
            "mean": np.broadcast_to(image.mean((1, 2), keepdims=True), image.shape),
        }[baseline]
        expected = literal(network, image, int(target), cover, patch, stride)
        np.testing.assert_allclose(saliency.numpy(), expected, atol=2e-6)
        assert np.abs(expected).max() > 1e-3


class RedMean(torch.nn.Module):
    """Class 0's score is the sum of the red channel; sigmoid, so that classes do not compete."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        red = images[:, 0].sum((1, 2))
        return torch.stack([red, -red], dim=1)


def test_overlapping_patches_are_averaged_by_hand() -> None:
    classifier = Classifier(RedMean(), name="red", preprocessing=Preprocessing(size=8), activation="sigmoid")
    images = torch.zeros(1, 3, 2, 4)
    images[0, 0, :, 3] = 1.0  # two red pixels at the right border
    explanation = create_method("occlusion", classifier, patch=2, stride=1).explain(images, torch.tensor([0]))
    drop = torch.sigmoid(torch.tensor(2.0)) - 0.5  # only the last of three positions covers them
    expected = torch.stack([0 * drop, 0 * drop, drop / 2, drop]).expand(2, 4)
    torch.testing.assert_close(explanation.maps[0], expected)
    opposite = create_method("occlusion", classifier, patch=2, stride=1).explain(images, torch.tensor([1]))
    torch.testing.assert_close(opposite.maps[0], -expected)  # covering helps the other class: signed


def test_batch_equals_single(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("occlusion", tiny_classifier)
    together = method.explain(tiny_images, TARGETS).maps
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-6, rtol=1e-5)


def test_scores_that_do_not_move_give_a_flagged_zero_map(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    with torch.no_grad():
        tiny_classifier.model.head.weight.zero_()
    assert create_method("occlusion", tiny_classifier).explain(tiny_images, TARGETS).degenerate.all()


def test_gaps_and_patches_beyond_the_image_are_refused(tiny_classifier: Classifier) -> None:
    with pytest.raises(ParameterError, match=r"stride must not exceed patch \(8\)"):
        create_method("occlusion", tiny_classifier, patch=8, stride=9)
    with pytest.raises(ParameterError, match="must not be larger than the image"):
        create_method("occlusion", tiny_classifier, patch=33).explain(
            torch.zeros(1, 3, 32, 32), torch.tensor([0])
        )


def test_cost_counts_the_positions() -> None:
    description = method_description("occlusion")
    assert description.cost(description.validate({})).forwards == 1 + 27**2
    assert description.cost(description.validate({"patch": 32, "stride": 16})).forwards == 1 + 13**2
    assert description.cost(description.validate({"patch": 50, "stride": 50})).forwards == 1 + 5**2
