from __future__ import annotations

import copy

import pytest
import torch

from saliency_core import create_method
from saliency_core.methods._random import image_generator
from tests.core.methods.small_networks import TARGETS, classifier_of, relu_network, small_images


def noisy_gradients(
    model: torch.nn.Module, image: torch.Tensor, target: int, samples: int, noise: float, seed: int
) -> torch.Tensor:
    """Gradients [samples, 3, H, W] in double precision, one noisy copy at a time."""
    double, generator = copy.deepcopy(model).double(), image_generator(seed, image)
    deviation = noise * float(image.max() - image.min())
    gradients = []
    for _ in range(samples):
        noisy = image.double() + deviation * torch.randn(image.shape, generator=generator).double()
        noisy = noisy[None].requires_grad_()
        gradients.append(torch.autograd.grad(double(noisy)[0, target], noisy)[0][0])
    return torch.stack(gradients)


@pytest.mark.parametrize("magnitude", [True, False])
def test_equals_a_loop_over_noisy_copies(magnitude: bool) -> None:
    model, images = relu_network(), small_images()
    method = create_method(
        "smooth_grad", classifier_of(model), samples=6, noise=0.1, seed=3, magnitude=magnitude
    )
    saliency = method.explain(images, TARGETS).maps
    for number, target in enumerate(TARGETS.tolist()):
        gradients = noisy_gradients(model, images[number], target, 6, 0.1, 3)
        mean = (gradients**2 if magnitude else gradients).mean(0)
        torch.testing.assert_close(saliency[number].double(), mean.abs().sum(0), atol=1e-5, rtol=1e-4)


def test_without_noise_it_is_the_gradient() -> None:
    classifier, images = classifier_of(relu_network()), small_images()
    smooth = create_method("smooth_grad", classifier, samples=2, noise=0, magnitude=False)
    plain = create_method("gradient", classifier, reduction="sum_abs")
    torch.testing.assert_close(smooth.explain(images, TARGETS).maps, plain.explain(images, TARGETS).maps)


def test_the_seed_decides_and_the_global_random_state_stays() -> None:
    classifier, images = classifier_of(relu_network()), small_images()
    state = torch.get_rng_state()
    first, again, other = (
        create_method("smooth_grad", classifier, samples=3, seed=seed).explain(images, TARGETS).maps
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, rtol=1e-2)
    assert torch.equal(torch.get_rng_state(), state)
    backwards = create_method("smooth_grad", classifier, samples=3, seed=1)
    flipped = backwards.explain(images.flip(0), TARGETS.flip(0)).maps.flip(0)
    torch.testing.assert_close(flipped, first)
