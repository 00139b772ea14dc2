from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import captum.attr
import pytest
import torch

from saliency_core import create_method
from tests.core.methods.small_networks import (
    CLASSES,
    SIZE,
    TARGETS,
    ReluNetwork,
    Residual,
    classifier_of,
    relu_network,
    seeded,
    small_images,
)


class OneUnit(torch.nn.Module):
    """S = 3 · ReLU(2a − b − 1) for the red and green values a, b of one pixel; class 1 is −S."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        a, b = images[:, 0, 0, 0], images[:, 1, 0, 0]
        score = 3 * torch.relu(2 * a - b - 1)
        return torch.stack([score, -score], dim=1)


def test_one_unit_by_hand() -> None:
    # Reference 0: unit −1 → 0. Image (2, −1): unit 4 → 4, so Δy/Δx = 4 / 5 and S − S′ = 12.
    # Contributions 3 · 4/5 · (2·2, −1·(−1)) = (9.6, 2.4).
    images = torch.zeros(1, 3, SIZE, SIZE)
    images[0, :2, 0, 0] = torch.tensor([2.0, -1.0])
    explanation = create_method("deep_lift", classifier_of(OneUnit())).explain(images, torch.tensor([0]))
    assert explanation.maps[0, 0, 0].item() == pytest.approx(12.0)
    assert explanation.maps.count_nonzero() == 1
    assert explanation.extras["completeness_gap"].item() == pytest.approx(0, abs=1e-6)
    largest = create_method("deep_lift", classifier_of(OneUnit()), reduction="max_abs")
    assert largest.explain(images, torch.tensor([1])).maps[0, 0, 0].item() == pytest.approx(9.6)


class Separated(torch.nn.Module):
    """captum gives a nonlinear layer the plain gradient of one that follows it directly, so none does here."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(3, 6, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.Conv2d(6, 5, 3, padding=1),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(5 * 16, 7),
            torch.nn.ReLU(),
            torch.nn.Linear(7, CLASSES),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layers(images)


@pytest.mark.parametrize("baseline", ["zero", "black", "mean"])
def test_equals_captum_where_it_is_complete(baseline: str) -> None:
    model, images = seeded(Separated), small_images()
    black = (-torch.tensor([0.485, 0.456, 0.406]) / torch.tensor([0.229, 0.224, 0.225]))[:, None, None]
    references = {
        "zero": torch.zeros_like(images),
        "black": black.expand_as(images),
        "mean": images.mean((2, 3), keepdim=True).expand_as(images),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum announces its hooks
        expected = captum.attr.DeepLift(copy.deepcopy(model).double()).attribute(
            images.double(), references[baseline].double(), target=TARGETS
        )
    explanation = create_method("deep_lift", classifier_of(model), baseline=baseline).explain(images, TARGETS)
    torch.testing.assert_close(explanation.maps.double(), expected.sum(1).detach(), atol=1e-5, rtol=1e-4)
    assert explanation.extras["completeness_gap"].abs().max() < 1e-5


@pytest.mark.parametrize("style", ReluNetwork.STYLES)
def test_however_a_relu_is_written(style: str) -> None:
    images = small_images()
    expected = (
        create_method("deep_lift", classifier_of(relu_network("modules"))).explain(images, TARGETS).maps
    )
    found = create_method("deep_lift", classifier_of(relu_network(style))).explain(images, TARGETS).maps
    torch.testing.assert_close(found, expected)


class Gated(torch.nn.Module):
    """Products of activations, in place and not, as in squeeze and excitation; Hardswish; overlapping pools."""

    def __init__(self, in_place: bool = False) -> None:
        super().__init__()
        self.stem, self.gate = torch.nn.Conv2d(3, 6, 3), torch.nn.Conv2d(6, 6, 1)
        self.swish = torch.nn.Hardswish(inplace=in_place)
        self.pool = torch.nn.MaxPool2d(3, stride=1, padding=1)
        self.head = torch.nn.Linear(6, CLASSES)
        self.in_place = in_place

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.swish(self.stem(images)))
        gate = torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        if self.in_place:
            x *= gate
        else:
            x = gate * x
        return self.head(torch.nn.functional.adaptive_max_pool2d(x, 2).mean((2, 3)))


class Normalised(torch.nn.Module):
    """LayerNorm and GELU over channels that come last, as in ConvNeXt."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = torch.nn.Conv2d(3, 6, 2, stride=2), torch.nn.LayerNorm(6)
        self.hidden, self.head = torch.nn.Linear(6, 12), torch.nn.Linear(12, CLASSES)
        torch.nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(self.norm.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.stem(images).permute(0, 2, 3, 1))
        return self.head(torch.nn.functional.gelu(self.hidden(x)).mean((1, 2)))


@pytest.mark.parametrize(
    "build",
    [lambda: Residual(normalised=True), Gated, lambda: Gated(in_place=True), Normalised],
    ids=["residual", "gated", "gated in place", "normalised"],
)
@pytest.mark.parametrize("baseline", ["zero", "black"])
def test_contributions_are_complete(build: Callable[[], torch.nn.Module], baseline: str) -> None:
    model, images = seeded(build), small_images()
    explanation = create_method("deep_lift", classifier_of(model), baseline=baseline).explain(images, TARGETS)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    reference = (-mean / deviation if baseline == "black" else torch.zeros(3))[:, None, None].expand_as(
        images
    )
    with torch.no_grad():
        difference = (model(images) - model(reference)).gather(1, TARGETS[:, None])[:, 0]
    assert difference.abs().min() > 1e-3
    torch.testing.assert_close(explanation.maps.sum((1, 2)), difference, atol=1e-5, rtol=1e-4)
    assert explanation.extras["completeness_gap"].abs().max() < 1e-5


def test_in_place_products_equal_others() -> None:
    images = small_images()
    models = (seeded(Gated), seeded(lambda: Gated(in_place=True)))
    first, second = (
        create_method("deep_lift", classifier_of(model)).explain(images, TARGETS).maps for model in models
    )
    torch.testing.assert_close(first, second)


def test_what_is_not_complete_says_so() -> None:
    class Attentive(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, CLASSES, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return (self.layer(images).flatten(2).softmax(1) * torch.arange(36.0)).mean(2)

    model, images = seeded(Attentive), small_images()
    explanation = create_method("deep_lift", classifier_of(model)).explain(images, TARGETS)
    with torch.no_grad():
        difference = (model(images) - model(torch.zeros_like(images))).gather(1, TARGETS[:, None])[:, 0]
    gap = explanation.extras["completeness_gap"].float()
    assert gap.abs().min() > 1e-3
    torch.testing.assert_close(explanation.maps.sum((1, 2)) - difference, gap, atol=1e-5, rtol=1e-4)
