from __future__ import annotations

import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods._random import image_generator
from tests.core.methods.superpixel_game import LinearClassifier

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def test_linear_classifier_by_hand(tiny_images: torch.Tensor) -> None:
    """The gradient is the weight everywhere, so that one reference gives w ⊙ (x − x′) whatever is drawn."""
    classifier = LinearClassifier()
    method = create_method("gradient_shap", classifier, samples=5, baseline="zero")
    maps = method.explain(tiny_images, torch.ones(6, dtype=torch.int64)).maps
    expected = (classifier.model.weight[1] * tiny_images).sum(1).detach()
    torch.testing.assert_close(maps, expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_equals_the_literal_mean_in_double_precision(
    noise: float, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("gradient_shap", tiny_classifier, samples=11, noise=noise, seed=4)
    maps = method.explain(tiny_images[:2], TARGETS[:2]).maps
    mean, std = (
        torch.tensor(values, dtype=torch.float64)[:, None, None]
        for values in (tiny_classifier.preprocessing.mean, tiny_classifier.preprocessing.std)
    )
    model = tiny_classifier.model.double()
    for number in range(2):
        image = tiny_images[number]
        generator = image_generator(4, image)
        ways, colours = torch.rand(11, generator=generator), torch.rand(11, 3, generator=generator)
        draws = torch.zeros(11, 3, 32, 32)
        if noise:  # drawn in parts of at most 8, which is the same as at once
            draws = torch.cat(
                [
                    torch.randn(8, 3, 32, 32, generator=generator),
                    torch.randn(3, 3, 32, 32, generator=generator),
                ]
            )
        total = torch.zeros(3, 32, 32, dtype=torch.float64)
        for way, colour, drawn in zip(ways.double(), colours.double(), draws.double(), strict=True):
            start = ((colour[:, None, None] - mean) / std).expand(3, 32, 32)
            end = image.double() + noise * float(image.max() - image.min()) * drawn
            point = (start + way * (end - start)).requires_grad_(True)
            (gradient,) = torch.autograd.grad(model(point.clone()[None])[0, TARGETS[number]], point)
            total += (end - start) * gradient / 11
        torch.testing.assert_close(maps[number].double(), total.sum(0), atol=1e-5, rtol=1e-4)
    model.float()


def test_many_samples_are_complete(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """E Σφ = S(x) − S(x′) for one reference image."""
    method = create_method("gradient_shap", tiny_classifier, samples=400, baseline="black")
    totals = method.explain(tiny_images[:2], TARGETS[:2]).maps.sum((1, 2))
    mean, std = (
        torch.tensor(values)[:, None, None]
        for values in (tiny_classifier.preprocessing.mean, tiny_classifier.preprocessing.std)
    )
    with torch.no_grad():
        scores = tiny_classifier.model(tiny_images[:2]).gather(1, TARGETS[:2, None])[:, 0]
        black = tiny_classifier.model((-mean / std).expand(1, 3, 32, 32))[0, TARGETS[:2]]
    torch.testing.assert_close(totals, scores - black, atol=0.1, rtol=0.1)


def test_a_batch_equals_single_images(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("gradient_shap", tiny_classifier, samples=10, noise=0.1)
    state = torch.get_rng_state()
    together = method.explain(tiny_images, TARGETS).maps
    assert torch.equal(torch.get_rng_state(), state)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-6, rtol=1e-5)
    other = create_method("gradient_shap", tiny_classifier, samples=10, noise=0.1, seed=1)
    assert not torch.allclose(other.explain(tiny_images, TARGETS).maps, together)
