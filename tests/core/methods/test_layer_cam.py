from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from tests.core.methods.literal_cam import TARGETS, Doubled, combined, given_classifier, worked_example


def test_by_hand() -> None:
    """ReLU(g) ⊙ A of the worked example: the place with the negative gradient is dark."""
    method = create_method("layer_cam", worked_example())
    maps = method.explain(torch.zeros(1, 3, 2, 2), torch.tensor([0])).maps
    torch.testing.assert_close(maps[0], torch.tensor([[0.1, 0.0], [0.9, 1.6]]))


def test_no_positive_gradient_gives_a_flagged_zero_map() -> None:
    classifier = given_classifier(torch.rand(3, 2, 2), -torch.rand(2, 3, 2, 2))
    explanation = create_method("layer_cam", classifier).explain(torch.zeros(1, 3, 2, 2), torch.tensor([1]))
    assert explanation.degenerate.tolist() == [True]


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_equals_the_equation(layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    network = Doubled(tiny_classifier.model, layer + 1)
    maps = create_method("layer_cam", tiny_classifier, layer=f"features.{layer}").explain(
        tiny_images, TARGETS
    )
    expected = []
    for image, target in zip(tiny_images.double().numpy(), TARGETS.tolist(), strict=True):
        features, gradients = network.features_and_gradients(image, target)
        local = np.zeros_like(features)
        for place in np.ndindex(features.shape):
            local[place] = max(gradients[place], 0) * features[place]
        expected.append(combined([1.0] * len(local), local, 32, 32))
    expected = torch.from_numpy(np.stack(expected))
    assert expected.max() > 0.01
    torch.testing.assert_close(maps.maps.double(), expected, atol=1e-6 * float(expected.max()), rtol=1e-5)
