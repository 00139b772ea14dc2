from __future__ import annotations

import numpy as np
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods._random import image_generator
from saliency_core.methods.registry import method_description
from tests.core.methods.literal_masking import Network, enlarge, softmax, stretch

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def literal(
    network: Network, image: np.ndarray, target: int, noise: np.ndarray, layer_sigma: float
) -> np.ndarray:
    features = [maps for maps in network.features(image) if maps.max() > maps.min()]
    clean = network.logits(image)[target]
    gains = []
    for maps in features:
        mask = enlarge(stretch(maps), *image.shape[1:])
        noisy = [network.logits(image * (mask + layer_sigma * field))[target] - clean for field in noise]
        gains.append(np.mean(noisy))
    weights = softmax(np.array(gains))
    cam = sum(weight * maps for weight, maps in zip(weights, features, strict=True))
    return enlarge(np.maximum(cam, 0), *image.shape[1:])


def test_equals_the_literal_form(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    with torch.no_grad():
        tiny_classifier.model.features[2].weight[1].zero_()  # a constant channel
        tiny_classifier.model.features[2].bias[1] = 0.5
    explanation = create_method("ss_cam", tiny_classifier, samples=5, sigma=0.4, seed=3).explain(
        tiny_images[:2], TARGETS[:2]
    )
    network = Network(tiny_classifier.model, 4)
    for number in range(2):
        noise = torch.randn(5, 32, 32, generator=image_generator(3, tiny_images[number])).double().numpy()
        image = tiny_images[number].double().numpy()
        expected = literal(network, image, int(TARGETS[number]), noise, 0.4)
        np.testing.assert_allclose(explanation.maps[number].numpy(), expected, atol=2e-5 * expected.max())
        assert expected.std() > 0.01 * expected.max()


def test_without_noise_it_is_score_cam_with_softmax(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    quiet = create_method("ss_cam", tiny_classifier, samples=2, sigma=0).explain(tiny_images, TARGETS)
    score_cam = create_method("score_cam", tiny_classifier, variant="logit_softmax")
    torch.testing.assert_close(quiet.maps, score_cam.explain(tiny_images, TARGETS).maps)


def test_noise_belongs_to_image_and_seed(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    state = torch.get_rng_state()
    method = create_method("ss_cam", tiny_classifier, samples=3, seed=1)
    together = method.explain(tiny_images, TARGETS).maps
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-6, rtol=1e-4)
    assert torch.equal(torch.get_rng_state(), state)
    other = create_method("ss_cam", tiny_classifier, samples=3, seed=2).explain(tiny_images, TARGETS).maps
    assert not torch.allclose(other, together)


def test_it_says_that_it_is_impractical() -> None:
    description = method_description("ss_cam")
    assert "mpractical" in description.parameter("samples").help
    assert "mpractical" in description.summary
    defaults = description.validate({})
    assert (defaults["samples"], defaults["sigma"]) == (35, 2.0)
    assert description.cost({**defaults, "channels": 512}).forwards == 17_921
