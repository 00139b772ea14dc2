from __future__ import annotations

import copy

import captum.attr
import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.scoring.canvas import blurred_canvas
from tests.core.methods.small_networks import SIZE, TARGETS, classifier_of, relu_network, seeded, small_images
from tests.core.methods.test_gradient import Weighted


class Smooth(torch.nn.Module):
    """Smooth everywhere, so that a few points integrate it well."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = torch.nn.Linear(3 * SIZE * SIZE, 6)
        self.head = torch.nn.Linear(6, 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.hidden(images.flatten(1))))


@pytest.mark.parametrize("rule", ["trapezoid", "gauss_legendre"])
def test_equals_a_loop_over_the_points(rule: str) -> None:
    model, images, steps = relu_network(), small_images(), 13
    found = create_method("integrated_gradients", classifier_of(model), steps=steps, rule=rule)
    saliency = found.explain(images, TARGETS).maps
    if rule == "trapezoid":
        points, weights = np.linspace(0, 1, steps), np.full(steps, 1 / (steps - 1))
        weights[[0, -1]] /= 2
    else:
        points, weights = np.polynomial.legendre.leggauss(steps)
        points, weights = (points + 1) / 2, weights / 2
    assert weights.sum() == pytest.approx(1)
    double = copy.deepcopy(model).double()
    for number, target in enumerate(TARGETS.tolist()):
        image, total = images[number].double(), torch.zeros(3, SIZE, SIZE, dtype=torch.float64)
        for point, weight in zip(points, weights, strict=True):
            at = (float(point) * image)[None].requires_grad_()
            total += float(weight) * torch.autograd.grad(double(at)[0, target], at)[0][0]
        torch.testing.assert_close(saliency[number].double(), (total * image).sum(0), atol=1e-5, rtol=1e-4)


def test_equals_captum() -> None:
    model, images = relu_network(), small_images()
    saliency = (
        create_method("integrated_gradients", classifier_of(model), steps=20).explain(images, TARGETS).maps
    )
    expected = captum.attr.IntegratedGradients(model).attribute(images, target=TARGETS, n_steps=20)
    torch.testing.assert_close(saliency, expected.sum(1).float(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("rule", ["trapezoid", "gauss_legendre"])
@pytest.mark.parametrize("baseline", ["zero", "black", "mean"])
def test_completeness(rule: str, baseline: str) -> None:
    model, images = seeded(Smooth), small_images() / 4
    method = create_method(
        "integrated_gradients", classifier_of(model), steps=60, rule=rule, baseline=baseline
    )
    explanation = method.explain(images, TARGETS)
    references = {
        "zero": torch.zeros_like(images),
        "black": (-torch.tensor([0.485, 0.456, 0.406]) / torch.tensor([0.229, 0.224, 0.225]))[:, None, None]
        .expand_as(images),
        "mean": images.mean((2, 3), keepdim=True).expand_as(images),
    }  # fmt: skip
    with torch.no_grad():
        difference = (model(images) - model(references[baseline])).gather(1, TARGETS[:, None])[:, 0]
    gap = explanation.maps.sum((1, 2)) - difference
    assert gap.abs().max() < 2e-3
    torch.testing.assert_close(explanation.extras["completeness_gap"].float(), gap, atol=1e-5, rtol=0)


def test_a_linear_score_needs_two_points() -> None:
    """captum's own trapezoidal weights would give half of it."""
    model, images = seeded(Weighted), small_images()
    method = create_method("integrated_gradients", classifier_of(model), steps=2, rule="trapezoid")
    explanation = method.explain(images, TARGETS)
    weights = model.head.weight.detach()[TARGETS].view_as(images)
    torch.testing.assert_close(explanation.maps, (weights * images).sum(1))
    assert explanation.extras["completeness_gap"].abs().max() < 1e-5


def test_blurred_reference() -> None:
    class Large(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, 4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.layer(images).mean((2, 3))

    model = seeded(Large)
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    method = create_method("integrated_gradients", classifier_of(model), steps=2, baseline="blur")
    explanation = method.explain(images, torch.tensor([2]))
    with torch.no_grad():
        difference = (model(images) - model(blurred_canvas(images)))[0, 2]
    torch.testing.assert_close(explanation.maps.sum(), difference, atol=1e-6, rtol=1e-4)
