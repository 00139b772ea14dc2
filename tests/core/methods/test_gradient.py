from __future__ import annotations

import copy

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from saliency_core.methods import _gradients
from tests.core.methods.small_networks import (
    CLASSES,
    SIZE,
    TARGETS,
    classifier_of,
    relu_network,
    small_images,
)


class Weighted(torch.nn.Module):
    """Scores that are weighted sums of the pixels: their gradients are the weights."""

    def __init__(self) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3 * SIZE * SIZE, CLASSES, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(images.flatten(1))


def test_of_weighted_sums_by_hand() -> None:
    model = Weighted()
    weights = torch.zeros(CLASSES, 3, SIZE, SIZE)
    weights[1, :, 2, 5] = torch.tensor([0.5, -2.0, 1.0])
    weights[1, :, 0, 0] = torch.tensor([0.25, 0.0, 0.0])
    model.head.weight.data = weights.flatten(1)
    expected = {"max_abs": 2.0, "sum_abs": 3.5, "sum": -0.5}
    for reduction, value in expected.items():
        method = create_method("gradient", classifier_of(model), reduction=reduction)
        saliency = method.explain(small_images(1), torch.tensor([1])).maps[0]
        assert saliency[2, 5].item() == pytest.approx(value)
        assert saliency[0, 0].item() == pytest.approx(0.25)
        assert saliency.count_nonzero() == 2


def test_equals_finite_differences_in_double_precision() -> None:
    model, images = relu_network(), small_images()
    saliency = create_method("gradient", classifier_of(model)).explain(images, TARGETS).maps
    double, step = copy.deepcopy(model).double(), 1e-7
    image, target = images[1].double(), int(TARGETS[1])
    expected = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    with torch.no_grad():
        for row in range(SIZE):
            for column in range(SIZE):
                slopes = []
                for channel in range(3):
                    above, below = image.clone(), image.clone()
                    above[channel, row, column] += step
                    below[channel, row, column] -= step
                    high, low = double(torch.stack([above, below]))[:, target]
                    slopes.append(abs(float(high - low) / (2 * step)))
                expected[row, column] = max(slopes)
    torch.testing.assert_close(saliency[1].double(), expected, atol=1e-5, rtol=1e-4)


def test_more_images_than_a_gradient_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = classifier_of(relu_network()), small_images(5)
    targets = torch.tensor([0, 1, 2, 3, 0])
    together = create_method("gradient", classifier).explain(images, targets).maps
    monkeypatch.setitem(_gradients.GRADIENT_BATCH_SIZES, "cpu", 2)
    torch.testing.assert_close(create_method("gradient", classifier).explain(images, targets).maps, together)


def test_an_unknown_reduction_is_refused() -> None:
    with pytest.raises(ParameterError, match="reduction must be one of max_abs, sum_abs, sum"):
        create_method("gradient", classifier_of(relu_network()), reduction="mean")
