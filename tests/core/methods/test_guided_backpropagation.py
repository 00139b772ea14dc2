from __future__ import annotations

import warnings

import captum.attr
import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import SaliscopeError
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


class TwoLayers(torch.nn.Module):
    """S = v · ReLU(W x + b) on three pixels' values, worked by hand in the tests."""

    def __init__(self, limit: float | None = None) -> None:
        super().__init__()
        self.weights = torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 3.0, 1.0], [-1.0, 0.0, 0.5]])
        self.scores = torch.tensor([[2.0, -1.0, 1.0, 4.0], [-1.0, 1.0, 0.5, 0.0]])
        self.limit = limit

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        # All units see the colours of the pixel (0, 0); the other pixels play no part.
        hidden = images[:, :, 0, 0] @ self.weights.T
        hidden = (
            torch.relu(hidden)
            if self.limit is None
            else torch.nn.functional.hardtanh(hidden, 0.0, self.limit)
        )
        return hidden @ self.scores.T


def hand_image() -> torch.Tensor:
    """Hidden values before the ReLU: 1 − 2 + 6 = 5, 1 + 2 = 3, 6 + 3 = 9, −1 + 1.5 = 0.5 for x = (1, 2, 3)."""
    images = torch.zeros(1, 3, SIZE, SIZE)
    images[0, :, 0, 0] = torch.tensor([1.0, 2.0, 3.0])
    return images


def by_hand(key: str, images: torch.Tensor, target: int, limit: float | None = None) -> list[float]:
    """The values of the three colours; the sum with signs of one colour at a time."""
    method = create_method(key, classifier_of(TwoLayers(limit)), reduction="sum")
    values = []
    for channel in range(3):
        only = TwoLayers(limit)
        mask = torch.zeros(3)
        mask[channel] = 1
        only.forward = _with_gradient_of(mask, only.forward)  # type: ignore[method-assign]
        method.classifier.model = only
        values.append(round(method.explain(images, torch.tensor([target])).maps[0, 0, 0].item(), 6))
    return values


def _with_gradient_of(mask: torch.Tensor, forward):  # type: ignore[no-untyped-def]
    def run(images: torch.Tensor) -> torch.Tensor:
        kept = mask[:, None, None] * images
        return forward(kept + (images - kept).detach())

    return run


def test_two_layers_by_hand() -> None:
    # All four units are active. Class 0: gradients at the units (2, −1, 1, 4); the second is cut off, which
    # leaves 2·(1, −1, 2) + 1·(0, 3, 1) + 4·(−1, 0, .5).
    assert by_hand("guided_backpropagation", hand_image(), 0) == [-2.0, 1.0, 7.0]
    # For x = (1, 2, −3): hidden values −7, 3, 3, −2.5; only units 2 and 3 are active, unit 2 has gradient −1.
    image = hand_image()
    image[0, 2, 0, 0] = -3
    assert by_hand("guided_backpropagation", image, 0) == [0.0, 3.0, 1.0]
    # Class 1: gradients (−1, 1, .5, 0); 1·(1, 1, 0) + .5·(0, 3, 1).
    assert by_hand("guided_backpropagation", image, 1) == [1.0, 2.5, 0.5]


def test_relu6_is_closed_above_its_limit() -> None:
    # With the limit 6 the third unit (9) is closed: 2·(1, −1, 2) + 4·(−1, 0, .5).
    assert by_hand("guided_backpropagation", hand_image(), 0, limit=6.0) == [-2.0, -2.0, 6.0]


@pytest.mark.parametrize("style", ReluNetwork.STYLES)
@pytest.mark.parametrize("key", ["guided_backpropagation", "deconvnet"])
def test_however_a_relu_is_written(key: str, style: str) -> None:
    images = small_images()
    expected = create_method(key, classifier_of(relu_network("modules"))).explain(images, TARGETS).maps
    model = relu_network(style)
    with torch.no_grad():
        before = model(images)
    found = create_method(key, classifier_of(model)).explain(images, TARGETS).maps
    torch.testing.assert_close(found, expected)
    assert expected.max() > 1e-3
    with torch.no_grad():
        assert torch.equal(model(images), before)


@pytest.mark.parametrize(
    ("key", "library"),
    [
        ("guided_backpropagation", captum.attr.GuidedBackprop),
        ("deconvnet", captum.attr.Deconvolution),
    ],
)
@pytest.mark.parametrize("residual", [False, True])
def test_equals_captum_where_all_relus_are_modules(key: str, library: type, residual: bool) -> None:
    model = seeded(lambda: Residual(normalised=True)) if residual else relu_network("modules")
    images = small_images()
    found = create_method(key, classifier_of(model)).explain(images, TARGETS).maps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum announces its hooks
        expected = library(model).attribute(images.clone().requires_grad_(), target=TARGETS)
    torch.testing.assert_close(found, expected.abs().amax(1).detach())


def test_a_network_without_relus_is_refused() -> None:
    class Soft(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, CLASSES, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.silu(self.layer(images)).mean((2, 3))

    for key in ("guided_backpropagation", "deconvnet"):
        with pytest.raises(SaliscopeError, match="ReLU"):
            create_method(key, classifier_of(Soft())).explain(small_images(), TARGETS)


def test_other_activations_keep_their_derivative() -> None:
    """A leaky ReLU and a clamp with other limits are no ReLUs."""

    class Mixed(torch.nn.Module):
        def __init__(self, guided: bool) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(3, CLASSES, 1)
            self.guided = guided

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = torch.nn.functional.leaky_relu(self.layer(images), 0.1).clamp(-0.5, 2.0)
            return (torch.relu(x + 10) if self.guided else x + 10).mean((2, 3))  # positive, rising: no change

    guided, plain = seeded(lambda: Mixed(True)), seeded(lambda: Mixed(False))
    images = small_images()
    found = create_method("guided_backpropagation", classifier_of(guided)).explain(images, TARGETS).maps
    expected = create_method("gradient", classifier_of(plain)).explain(images, TARGETS).maps
    torch.testing.assert_close(found, expected)
