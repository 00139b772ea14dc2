from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from saliency_core.scoring.canvas import blurred_canvas
from saliency_core.scoring.scorer import Scorer
from tests.core.literal import blur
from tests.core.methods.literal_masking import Network, enlarge, stretch

BLUR = {"blur_kernel": 11, "blur_sigma": 4.0}


def gaining_classes(classifier: Classifier, images: torch.Tensor) -> torch.Tensor:
    """Classes that the image shows more than the blurred image does, so that groups can gain."""
    scorer = Scorer(classifier)
    blurred = blurred_canvas(images, BLUR["blur_kernel"], BLUR["blur_sigma"])
    return (scorer.score_images(images) - scorer.score_images(blurred)).argmax(1)


def literal(
    network: Network, image: np.ndarray, target: int, groups: int, variant: str
) -> tuple[np.ndarray, int]:
    """The map and the number of groups with α ≠ 0."""
    size = image.shape[1:]
    features, gradients = network.features(image), network.gradients(image, target)
    weighted = [w.mean() * maps for w, maps in zip(gradients, features, strict=True)]
    per_group = -(-len(weighted) // groups)
    blurred = blur(image, BLUR["blur_kernel"], BLUR["blur_sigma"])
    baseline = network.probabilities(blurred)[target]
    total, used = np.zeros(size), 0
    for first in range(0, len(weighted), per_group):
        low = np.maximum(sum(weighted[first : first + per_group]), 0)
        if variant == "theta":
            low = np.where(low > np.percentile(low, 70), low, 0)
        high = enlarge(low, *size)
        if high.max() == high.min():
            continue
        mask = stretch(high)
        alpha = network.probabilities(image * mask + blurred * (1 - mask))[target] - baseline
        if variant == "head":
            alpha = max(alpha, 0)
        used += alpha != 0
        total += alpha * (high if variant == "head" else mask)
    return np.maximum(total, 0), used


@pytest.mark.parametrize(("layer", "groups"), [(1, 4), (2, 2), (3, 3), (3, 32)])
@pytest.mark.parametrize("variant", ["head", "theta"])
def test_equals_the_literal_form(
    variant: str, groups: int, layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    tiny_images = tiny_images[:4]
    targets = gaining_classes(tiny_classifier, tiny_images)
    method = create_method(
        "group_cam", tiny_classifier, layer=f"features.{layer}", groups=groups, variant=variant, **BLUR
    )
    explanation = method.explain(tiny_images, targets)
    network = Network(tiny_classifier.model, layer + 1)
    meaningful = 0
    for number, image in enumerate(tiny_images.double().numpy()):
        expected, used = literal(network, image, int(targets[number]), groups, variant)
        np.testing.assert_allclose(
            explanation.maps[number].numpy(), expected, atol=max(2e-5 * expected.max(), 1e-8)
        )
        assert explanation.extras["contributing_groups"][number] == used
        meaningful += expected.max() > 1e-5
    assert meaningful >= 2
    channels = 8 if layer == 1 else 6
    formed = -(-channels // -(-channels // groups))
    assert explanation.extras["effective_groups"].tolist() == [formed] * 4


def test_a_group_without_positive_values_is_left_out(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """The first of three groups has negative weights for every image: its map is zero, and 0/0 in the authors' code.

    Exactly: the mask is zero, the masked image is the blurred one, and α = 0; the other groups are as they would
    be without it.
    """
    with torch.no_grad():
        tiny_classifier.model.head.weight[0] = torch.tensor([-1.0, -2.0, 3.0, 2.0, 1.5, 4.0])
    targets = torch.zeros(6, dtype=torch.int64)
    method = create_method("group_cam", tiny_classifier, groups=3, **BLUR)
    explanation = method.explain(tiny_images, targets)
    network = Network(tiny_classifier.model, 4)
    for number, image in enumerate(tiny_images.double().numpy()):
        expected, used = literal(network, image, 0, 3, "head")
        assert used <= 2
        np.testing.assert_allclose(explanation.maps[number].numpy(), expected, atol=1e-5)
        assert explanation.extras["contributing_groups"][number] == used
    assert explanation.maps.isfinite().all()
    assert (~explanation.degenerate).sum() >= 2
    with torch.no_grad():
        tiny_classifier.model.head.weight[0] = -1.0
    nothing = method.explain(tiny_images, targets)
    assert nothing.degenerate.all()
    assert nothing.extras["contributing_groups"].tolist() == [0] * 6


@pytest.mark.parametrize("variant", ["head", "theta"])
def test_a_constant_group_shows_nothing(
    variant: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    with torch.no_grad():
        tiny_classifier.model.features[2].weight[:2].zero_()
        tiny_classifier.model.features[2].bias[:2] = 1.0
        tiny_classifier.model.head.weight.abs_()
    method = create_method("group_cam", tiny_classifier, groups=3, variant=variant, **BLUR)
    explanation = method.explain(tiny_images, torch.tensor([0, 1, 2, 3, 4, 0]))
    assert explanation.maps.isfinite().all()
    assert explanation.extras["contributing_groups"].max() <= 2


@pytest.mark.parametrize("variant", ["head", "theta"])
def test_batch_equals_single(variant: str, tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    targets = gaining_classes(tiny_classifier, tiny_images)
    method = create_method("group_cam", tiny_classifier, variant=variant, **BLUR)
    together = method.explain(tiny_images, targets)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], targets[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-4)
        assert alone.degenerate[0] == together.degenerate[number]


def test_default_blur_is_51_50_and_small_images_are_refused(tiny_classifier: Classifier) -> None:
    description = method_description("group_cam")
    defaults = description.validate({})
    assert (defaults["groups"], defaults["blur_kernel"], defaults["blur_sigma"]) == (32, 51, 50.0)
    assert description.cost({**defaults, "channels": 512}).forwards == 34
    assert description.cost({**defaults, "channels": 6}).forwards == 8
    with pytest.raises(ParameterError, match="at least 26 pixels a side; these have 24"):
        create_method("group_cam", tiny_classifier).explain(torch.zeros(1, 3, 24, 40), torch.tensor([0]))
    with pytest.raises(ParameterError, match="odd"):
        create_method("group_cam", tiny_classifier, blur_kernel=10).explain(
            torch.zeros(1, 3, 32, 32), torch.tensor([0])
        )
