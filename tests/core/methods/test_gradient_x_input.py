from __future__ import annotations

import copy

import torch

from saliency_core import create_method
from tests.core.methods.small_networks import TARGETS, classifier_of, relu_network, small_images


def test_equals_the_product_in_double_precision() -> None:
    model, images = relu_network(), small_images()
    saliency = create_method("gradient_x_input", classifier_of(model)).explain(images, TARGETS).maps
    double = copy.deepcopy(model).double()
    for number, target in enumerate(TARGETS.tolist()):
        image = images[number : number + 1].double().requires_grad_()
        (gradient,) = torch.autograd.grad(double(image)[0, target], image)
        expected = sum(gradient[0, channel] * image[0, channel] for channel in range(3)).detach()
        torch.testing.assert_close(saliency[number].double(), expected, atol=1e-6, rtol=1e-5)


def test_sums_to_the_logit_without_biases() -> None:
    model, images = relu_network(biases=False), small_images()
    saliency = create_method("gradient_x_input", classifier_of(model)).explain(images, TARGETS).maps
    with torch.no_grad():
        logits = model(images).gather(1, TARGETS[:, None])[:, 0]
    torch.testing.assert_close(saliency.sum((1, 2)), logits, atol=1e-5, rtol=1e-5)
