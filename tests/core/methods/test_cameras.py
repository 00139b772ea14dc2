from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods import cameras
from saliency_core.methods.registry import method_description
from tests.core.methods.literal_cam import TARGETS, Doubled, enlarged, given_classifier, resize


def literal(network: Doubled, image: np.ndarray, target: int, sizes: list[int], filtered: bool) -> np.ndarray:
    """As in the paper: every channel of every size is enlarged, and the means are multiplied place by place."""
    features, gradients = [], []
    predicted = int(np.argmax(network.logits(image)))
    for size in sizes:
        shown = resize(image, size, size, "bicubic")
        if filtered and target == predicted and int(np.argmax(network.logits(shown))) != predicted:
            continue
        a, g = network.features_and_gradients(shown, target)
        features.append(enlarged(a, 32, 32))
        gradients.append(enlarged(g, 32, 32))
    product = np.mean(features, axis=0) * np.mean(gradients, axis=0)
    return np.maximum(product.sum(0), 0)


@pytest.mark.parametrize("layer", [1, 3])
@pytest.mark.parametrize("sizes", [[32, 64], [32, 44, 57]])
def test_equals_the_equation(
    layer: int, sizes: list[int], tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    network = Doubled(tiny_classifier.model, layer + 1)
    targets = tiny_classifier.logits(tiny_images[:3]).argmax(1)
    targets[2] = TARGETS[2]
    for rule in ("auto", "off"):
        method = create_method(
            "cameras",
            tiny_classifier,
            layer=f"features.{layer}",
            resolutions=",".join(map(str, sizes)),
            class_filter=rule,
        )
        maps = method.explain(tiny_images[:3], targets).maps.double()
        expected = torch.from_numpy(
            np.stack(
                [
                    literal(network, image, target, sizes, rule == "auto")
                    for image, target in zip(tiny_images[:3].double().numpy(), targets.tolist(), strict=True)
                ]
            )
        )
        assert expected.max() > 1e-3
        torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.max()), rtol=1e-4)


def test_by_hand() -> None:
    """One size at the layer's own resolution: the sum of A ⊙ g, here of two channels."""
    features = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[1.0, 0.0], [0.0, 1.0]]])
    gradients = torch.tensor([[[[0.1, -0.1], [0.3, 0.4]], [[1.0, 1.0], [1.0, -3.0]]]])
    method = create_method("cameras", given_classifier(features, gradients), resolutions="8")
    explanation = method.explain(torch.zeros(1, 3, 2, 2), torch.tensor([0]))
    torch.testing.assert_close(explanation.maps[0], torch.tensor([[1.1, 0.0], [0.9, 0.0]]))
    assert explanation.extras["accepted_scales"].tolist() == [1]


def test_all_negative_and_constant_maps_are_flagged_zeros() -> None:
    negative = given_classifier(torch.rand(3, 2, 2), -torch.rand(1, 3, 2, 2))
    # Two constants that cancel but for rounding: 0.1 − 0.1 at every place.
    cancelling = given_classifier(
        torch.full((2, 3, 3), 0.1), torch.tensor([[[[1.0]], [[-1.0]]]]).expand(1, 2, 3, 3)
    )
    for classifier in (negative, cancelling):
        method = create_method("cameras", classifier, resolutions="8,12,13,17")
        explanation = method.explain(torch.zeros(1, 3, 8, 8), torch.tensor([0]))
        assert explanation.degenerate.tolist() == [True]
        assert explanation.maps.abs().sum() == 0


def test_channels_are_upsampled_some_at_a_time(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = create_method("cameras", tiny_classifier, resolutions="32,44", layer="features.1")
    together = method.explain(tiny_images, TARGETS).maps
    monkeypatch.setattr(cameras, "_VALUES_AT_ONCE", 1)
    torch.testing.assert_close(method.explain(tiny_images, TARGETS).maps, together)


def test_defaults_and_presets() -> None:
    description = method_description("cameras")
    assert description.validate({})["resolutions"] == list(range(224, 1000, 100))
    assert description.validate({})["interpolation"] == "bicubic"
    assert description.preset("readme_example")["resolutions"] == [224, 324, 424, 524]
    assert description.work({}).forwards == pytest.approx(60.9, abs=0.05)
    assert description.work({}).backwards == pytest.approx(60.9, abs=0.05)
