from __future__ import annotations

import torch

from saliency_core import create_method
from tests.core.methods.small_networks import TARGETS, classifier_of, relu_network, small_images
from tests.core.methods.test_gradient import Weighted
from tests.core.methods.test_smooth_grad import noisy_gradients


def test_is_the_variance_of_the_noisy_gradients() -> None:
    model, images = relu_network(), small_images()
    method = create_method("var_grad", classifier_of(model), samples=6, noise=0.3, seed=2)
    saliency = method.explain(images, TARGETS).maps
    for number, target in enumerate(TARGETS.tolist()):
        gradients = noisy_gradients(model, images[number], target, 6, 0.3, 2)
        expected = gradients.var(0, unbiased=False).sum(0)
        torch.testing.assert_close(saliency[number].double(), expected, atol=1e-6, rtol=1e-4)
    assert saliency.min() >= 0


def test_a_constant_gradient_has_none() -> None:
    explanation = create_method("var_grad", classifier_of(Weighted()), samples=4).explain(
        small_images(), TARGETS
    )
    assert explanation.maps.max() < 1e-12
