from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.methods._cam import features_and_gradients
from tests.core.methods.literal_cam import TARGETS, A, Doubled, combined, given_classifier, worked_example


class WithoutBiases(torch.nn.Module):
    """Convolutions at full size without biases, so that a map at the layer is a map at the image."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, padding=1),
            torch.nn.ReLU(inplace=True),
            torch.nn.Conv2d(6, 5, 3, padding=1, bias=False),
            torch.nn.ReLU(inplace=True),
            torch.nn.MaxPool2d(2),
        )
        self.head = torch.nn.Linear(5, 4, bias=False)
        self.head.weight.data.abs_()  # every channel speaks for every class: nothing is cut off

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).mean((2, 3)))


def test_the_worked_example() -> None:
    method = create_method("xgrad_cam", worked_example())
    explanation = method.explain(torch.zeros(2, 3, 2, 2), torch.tensor([0, 1]))
    torch.testing.assert_close(explanation.maps[0], 0.24 * torch.tensor(A), atol=1e-6, rtol=0)
    assert explanation.degenerate.tolist() == [False, True]
    assert explanation.maps[1].abs().sum() == 0


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_equals_the_equation(layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """Layer 2 is a convolution before its ReLU: some sums of features are negative there."""
    network = Doubled(tiny_classifier.model, layer + 1)
    explanation = create_method("xgrad_cam", tiny_classifier, layer=f"features.{layer}").explain(
        tiny_images, TARGETS
    )
    expected, negative = [], []
    for image, target in zip(tiny_images.double().numpy(), TARGETS.tolist(), strict=True):
        features, gradients = network.features_and_gradients(image, target)
        sums = [float(a.sum()) for a in features]
        weights = [
            float((a * g).sum()) / (total + (1e-6 if total >= 0 else -1e-6))
            for a, g, total in zip(features, gradients, sums, strict=True)
        ]
        expected.append(combined(weights, features, 32, 32))
        negative.append((features < 0).mean())
    expected = torch.from_numpy(np.stack(expected))
    torch.testing.assert_close(
        explanation.maps.double(), expected, atol=1e-5 * float(expected.max()), rtol=1e-4
    )
    torch.testing.assert_close(
        explanation.extras["negative_features"].double(), torch.tensor(negative).double()
    )
    assert (min(negative) > 0.05) == (layer == 2)


def test_the_scores_are_shared_out_where_there_are_no_biases() -> None:
    """The axiom: Σ over the map = Σₖ wₖ ΣAᵏ = Σ g A = the score."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = WithoutBiases()
    classifier = Classifier(
        model, name="no biases", preprocessing=Preprocessing(size=16), default_layer="features.1"
    )
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([0, 1, 2, 3])
    with torch.no_grad():
        scores = model(images).gather(1, targets[:, None])[:, 0]
    for layer in ("features.1", "features.3"):
        explanation = create_method("xgrad_cam", classifier, layer=layer).explain(images, targets)
        if layer == "features.3":
            assert explanation.maps.min() >= 0
            torch.testing.assert_close(explanation.maps.sum((1, 2)), scores, atol=1e-5, rtol=1e-5)
    # Before weights of both signs are cut off by the map's ReLU, the same holds at any layer.
    features, gradients, logits = features_and_gradients(classifier, "features.1", images, targets)
    weights = (features * gradients).sum((2, 3)) / (features.sum((2, 3)) + 1e-6)
    shared = (weights * features.sum((2, 3))).sum(1)
    torch.testing.assert_close(shared, logits.gather(1, targets[:, None])[:, 0], atol=1e-5, rtol=1e-5)


def test_epsilon_follows_the_sign_of_the_sum_and_a_dead_channel_weighs_nothing() -> None:
    """Sums 0 (dead) and −1e-6: a positive epsilon of 1e-6 would divide by zero."""
    features = torch.tensor([[[0.0, 0.0], [0.0, 0.0]], [[-1e-6, 0.0], [0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]]])
    classifier = given_classifier(features, torch.full((1, 3, 2, 2), 0.5))
    explanation = create_method("xgrad_cam", classifier).explain(torch.zeros(1, 3, 2, 2), torch.tensor([0]))
    assert explanation.maps.isfinite().all()
    torch.testing.assert_close(explanation.maps[0], 0.5 * torch.tensor(A), atol=1e-5, rtol=0)
