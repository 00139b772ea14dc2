from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods._random import image_generator
from tests.core.methods.literal_cam import TARGETS, Doubled, combined, given_classifier


def literal(
    network: Doubled, image: torch.Tensor, target: int, samples: int, sigma: float, seed: int
) -> np.ndarray:
    generator = image_generator(seed, image)
    clean, _ = network.features_and_gradients(image.double().numpy(), target)
    gradients = []
    for _ in range(samples):
        noise = torch.randn(image.shape, generator=generator)
        gradients.append(network.features_and_gradients((image.double() + sigma * noise).numpy(), target)[1])
    weights = []
    for k, channel in enumerate(clean):
        weight = 0.0
        for i, j in np.ndindex(channel.shape):
            first = sum(g[k, i, j] for g in gradients) / samples
            second = sum(g[k, i, j] ** 2 for g in gradients) / samples
            third = sum(g[k, i, j] ** 3 for g in gradients) / samples
            if second:
                weight += second / (2 * second + channel.sum() * third) * max(first, 0)
        weights.append(weight)
    return combined(weights, clean, 32, 32)


@pytest.mark.parametrize("layer", [1, 3])
def test_equals_the_equation(layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    network = Doubled(tiny_classifier.model, layer + 1)
    method = create_method(
        "smooth_grad_cam_plus_plus", tiny_classifier, layer=f"features.{layer}", samples=3, sigma=0.5, seed=7
    )
    maps = method.explain(tiny_images[:3], TARGETS[:3]).maps.double()
    pairs = zip(tiny_images, TARGETS[:3].tolist(), strict=False)
    expected = torch.from_numpy(
        np.stack([literal(network, image, target, 3, 0.5, 7) for image, target in pairs])
    )
    assert expected.max() > 0.01
    torch.testing.assert_close(maps, expected, atol=1e-5 * float(expected.max()), rtol=1e-4)


def test_without_noise_it_is_grad_cam_plus_plus(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    plain = create_method("grad_cam_plus_plus", tiny_classifier, layer="features.1")
    smooth = create_method(
        "smooth_grad_cam_plus_plus", tiny_classifier, layer="features.1", samples=1, sigma=0
    )
    torch.testing.assert_close(
        smooth.explain(tiny_images, TARGETS).maps, plain.explain(tiny_images, TARGETS).maps
    )


def test_noise_comes_from_the_seed_and_the_image_only(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    state = torch.random.get_rng_state()

    def maps(seed: int, images: torch.Tensor) -> torch.Tensor:
        method = create_method("smooth_grad_cam_plus_plus", tiny_classifier, layer="features.1", seed=seed)
        return method.explain(images, TARGETS[: len(images)]).maps

    assert torch.equal(maps(1, tiny_images), maps(1, tiny_images))
    assert not torch.allclose(maps(1, tiny_images), maps(2, tiny_images))
    torch.testing.assert_close(maps(1, tiny_images[:1])[0], maps(1, tiny_images)[0])
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_vanishing_denominator_counts_nothing() -> None:
    """2⟨g²⟩ + ΣA⟨g³⟩ = 0 for g = 1/2 and ΣA = −4; the other channel's map remains."""
    features = torch.tensor([[[-4.0, 0.0], [0.0, 0.0]], [[1.0, 2.0], [3.0, 4.0]]])
    classifier = given_classifier(features, torch.full((1, 2, 2, 2), 0.5))
    method = create_method("smooth_grad_cam_plus_plus", classifier)
    maps = method.explain(torch.zeros(1, 3, 2, 2), torch.tensor([0])).maps
    weight = 4 * 0.5 / (2 + 10 * 0.5)
    torch.testing.assert_close(maps[0], weight * torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
