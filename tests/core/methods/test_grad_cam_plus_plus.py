from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods.grad_cam_plus_plus import joint_weights, paper_weights
from tests.core.methods.literal_cam import TARGETS, A, Doubled, G, combined, given_classifier, worked_example


def literal_weights(features: np.ndarray, gradients: np.ndarray, variant: str) -> list[float]:
    """As the equation is written: α place by place, with squares and cubes."""
    weights = []
    for a, g in zip(features, gradients, strict=True):
        weight = 0.0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                if g[i, j] == 0:
                    continue
                rest = a.sum() * g[i, j] ** 3 if variant == "paper" else (a * g**3).sum()
                weight += g[i, j] ** 2 / (2 * g[i, j] ** 2 + rest) * max(g[i, j], 0)
        weights.append(weight)
    return weights


@pytest.mark.parametrize(("variant", "weight"), [("paper", 0.16), ("joint", 0.152696)])
def test_the_worked_example(variant: str, weight: float) -> None:
    weigh = paper_weights if variant == "paper" else joint_weights
    found = weigh(torch.tensor([[A]]), torch.tensor([[G]]))
    assert found.item() == pytest.approx(weight, abs=5e-7)
    method = create_method("grad_cam_plus_plus", worked_example(), variant=variant)
    maps = method.explain(torch.zeros(1, 3, 2, 2), torch.tensor([0])).maps
    torch.testing.assert_close(maps[0], weight * torch.tensor(A), atol=3e-6, rtol=0)


@pytest.mark.parametrize("variant", ["paper", "joint"])
@pytest.mark.parametrize("layer", [1, 3])
def test_equals_the_equation(
    variant: str, layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    network = Doubled(tiny_classifier.model, layer + 1)
    method = create_method("grad_cam_plus_plus", tiny_classifier, layer=f"features.{layer}", variant=variant)
    maps = method.explain(tiny_images, TARGETS).maps.double()
    expected = []
    for image, target in zip(tiny_images.double().numpy(), TARGETS.tolist(), strict=True):
        features, gradients = network.features_and_gradients(image, target)
        expected.append(combined(literal_weights(features, gradients, variant), features, 32, 32))
    expected = torch.from_numpy(np.stack(expected))
    assert expected.flatten(1).amax(1).gt(0.01).sum() >= 3
    # The joint denominator nearly cancels at some places, where float32 has fewer digits left.
    share = 1e-3 if variant == "joint" and layer == 1 else 1e-6
    torch.testing.assert_close(maps, expected, atol=share * float(expected.max()), rtol=1e-5)


@pytest.mark.parametrize("weigh", [paper_weights, joint_weights])
def test_tiny_gradients_do_not_underflow(weigh) -> None:
    """g² and g³ of 1e-20 are zero in float32; α is then 1/2 and the weight Σ ReLU(g)/2."""
    weights = weigh(torch.tensor([[A]]), 1e-20 * torch.tensor([[G]]))
    assert weights.item() == pytest.approx(0.8e-20 / 2, rel=1e-5)


@pytest.mark.parametrize("weigh", [paper_weights, joint_weights])
def test_a_vanishing_denominator_counts_nothing(weigh) -> None:
    """2 + ΣA g = 0 needs negative features, as before a ReLU: ΣA = −4, g = 1/2."""
    features = torch.tensor([[[[-4.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]]]])
    gradients = torch.full((1, 2, 2, 2), 0.5)
    weights = weigh(features, gradients)
    assert weights.isfinite().all()
    assert weights[0, 0].item() == pytest.approx(0, abs=1e-6)
    assert weigh(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).item() == 0


def test_all_negative_gradients_give_a_flagged_zero_map() -> None:
    classifier = given_classifier(torch.tensor([A]), -torch.tensor([[G]]).abs())
    for variant in ("paper", "joint"):
        method = create_method("grad_cam_plus_plus", classifier, variant=variant)
        explanation = method.explain(torch.zeros(1, 3, 2, 2), torch.tensor([0]))
        assert explanation.degenerate.tolist() == [True]
        assert explanation.maps.abs().sum() == 0
