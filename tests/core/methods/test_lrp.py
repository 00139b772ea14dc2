from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch

from saliency_core import create_method
from saliency_core.lazy import torchvision
from tests.core.methods import literal_lrp
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
from tests.core.methods.test_deep_lift import Gated, Normalised

MEAN, DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
RULES = ("gamma", "alpha1_beta0", "alpha2_beta1", "epsilon")


def explained(model: torch.nn.Module, images: torch.Tensor, **parameters: Any) -> Any:
    return create_method("lrp", classifier_of(model), **parameters).explain(images, TARGETS[: len(images)])


@pytest.mark.parametrize("first_layer", ["box", "flat", "same"])
@pytest.mark.parametrize("rule", RULES)
def test_equals_a_loop_over_connections(rule: str, first_layer: str) -> None:
    """With biases, and with inputs of both signs at the first layer."""
    model, images = relu_network(), small_images()
    found = explained(model, images, convolutions=rule, first_layer=first_layer, gamma=0.4, epsilon=0.01)
    double = copy.deepcopy(model).double()
    options = {"gamma": 0.4, "epsilon": 0.01}
    for number in (0, 2):
        image, target = images[number].double(), int(TARGETS[number])
        with torch.no_grad():
            first = double.first(image).relu()
            second = double.second(first).relu()
            pooled = torch.nn.functional.max_pool2d(second, 2)
            hidden = double.hidden(pooled.flatten()).relu()
            score = double.head(hidden)[target]
        start = torch.zeros(CLASSES, dtype=torch.float64)
        start[target] = score
        relevance = literal_lrp.propagate(double.head, hidden, start, "epsilon", **options)
        relevance = literal_lrp.propagate(double.hidden, pooled.flatten(), relevance, "epsilon", **options)
        relevance = literal_lrp.pool(second, relevance.view(pooled.shape), 2)
        relevance = literal_lrp.propagate(double.second, first, relevance, rule, **options)
        low = torch.minimum((-MEAN / DEVIATION)[:, None, None], images[number].amin((1, 2), keepdim=True))
        high = torch.maximum(
            ((1 - MEAN) / DEVIATION)[:, None, None], images[number].amax((1, 2), keepdim=True)
        )
        relevance = literal_lrp.propagate(
            double.first,
            image,
            relevance,
            rule if first_layer == "same" else first_layer,
            low=low.expand_as(image),
            high=high.expand_as(image),
            **options,
        )
        largest = relevance.sum(0).abs().max()
        assert largest > 1e-3
        torch.testing.assert_close(
            found.maps[number].double(), relevance.sum(0), atol=1e-5 * float(largest), rtol=1e-3
        )
        error = relevance.sum() - score
        assert found.extras["conservation_error"][number].item() == pytest.approx(float(error), abs=1e-4)


@pytest.mark.parametrize("first_layer", ["box", "flat", "same"])
@pytest.mark.parametrize("rule", ["gamma", "alpha1_beta0", "epsilon"])
@pytest.mark.parametrize("build", [ReluNetwork, Residual], ids=["plain", "residual"])
def test_keeps_the_score_without_biases(
    build: Callable[[], torch.nn.Module], rule: str, first_layer: str
) -> None:
    """Residual sums, groups of channels, concatenation and average pooling included."""
    model, images = seeded(build, biases=False), small_images()
    found = explained(model, images, convolutions=rule, first_layer=first_layer, epsilon=1e-9)
    with torch.no_grad():
        logits = model(images).gather(1, TARGETS[:, None])[:, 0]
    assert logits.abs().min() > 1e-3
    torch.testing.assert_close(found.maps.sum((1, 2)), logits, atol=1e-5, rtol=1e-5)
    assert found.extras["conservation_error"].abs().max() < 1e-5


def folded(model: torch.nn.Module) -> torch.nn.Module:
    """The residual network with BatchNorm merged into its convolutions by hand."""
    plain = Residual(normalised=False).eval()
    state = {name: value.clone() for name, value in model.state_dict().items() if "norm" not in name}
    plain.two.bias = torch.nn.Parameter(torch.zeros(6))
    for name in ("stem", "one", "two"):
        norm = getattr(model, f"{name}_norm")
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        bias = state.get(f"{name}.bias", torch.zeros(6))
        state[f"{name}.weight"] = (state[f"{name}.weight"] * scale[:, None, None, None]).detach()
        state[f"{name}.bias"] = ((bias - norm.running_mean) * scale + norm.bias).detach()
    plain.load_state_dict(state)
    return plain


@pytest.mark.parametrize("first_layer", ["box", "flat", "same"])
@pytest.mark.parametrize("rule", RULES)
def test_batch_normalisation_is_part_of_the_convolution(rule: str, first_layer: str) -> None:
    model, images = seeded(lambda: Residual(normalised=True)), small_images()
    merged = folded(model)
    with torch.no_grad():
        torch.testing.assert_close(merged(images), model(images))
    found = explained(model, images, convolutions=rule, first_layer=first_layer).maps
    expected = explained(merged, images, convolutions=rule, first_layer=first_layer).maps
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, atol=2e-5 * float(expected.abs().max()), rtol=1e-3)


def test_batch_normalisation_by_itself_lets_relevance_through() -> None:
    class Before(torch.nn.Module):
        """Concatenation, BatchNorm, ReLU, convolution, as in DenseNet."""

        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = (torch.nn.Conv2d(3, 3, 3, bias=False) for _ in range(2))
            self.norm, self.head = torch.nn.BatchNorm2d(6), torch.nn.Conv2d(6, CLASSES, 3, bias=False)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            together = torch.cat([self.left(images), self.right(images)], 1)
            return self.head(self.norm(together).relu()).mean((2, 3))

    model, images = seeded(Before), small_images()
    found = explained(model, images, convolutions="alpha1_beta0")
    assert found.extras["conservation_error"].abs().max() < 1e-4
    assert not found.degenerate.any()


@pytest.mark.parametrize("style", ReluNetwork.STYLES)
def test_however_a_relu_is_written(style: str) -> None:
    images = small_images()
    expected = explained(relu_network("modules"), images).maps
    found = explained(relu_network(style), images).maps
    # A clamp is no ReLU here but an activation function like any other, with a stabilised quotient.
    torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-3)


def test_residual_sum_by_hand() -> None:
    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.colours = torch.nn.Conv2d(3, 3, 1, bias=False)
            self.colours.weight.data = torch.eye(3)[:, :, None, None]

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = self.colours(images)
            red, green = x[:, 0, 0, 0], x[:, 1, 0, 0]
            total = torch.relu(2 * red) + torch.relu(-1 * green) + red
            return torch.stack([total, 3 * total], dim=1)

    images = torch.zeros(1, 3, SIZE, SIZE)
    images[0, :2, 0, 0] = torch.tensor([1.0, -4.0])
    method = create_method("lrp", classifier_of(Sum()), first_layer="same")
    found = method.explain(images, torch.tensor([1]))
    # 3 · (2 + 4 + 1): red gets 3 · 3, green 3 · 4, both at the one pixel.
    assert found.maps[0, 0, 0].item() == pytest.approx(21)
    assert found.maps.count_nonzero() == 1
    assert found.extras["conservation_error"].item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    "build", [Gated, lambda: Gated(in_place=True), Normalised], ids=["gated", "gated in place", "normalised"]
)
def test_gates_and_layer_normalisation(build: Callable[[], torch.nn.Module]) -> None:
    """All of a product's relevance goes to what the gate lets through, so nothing is lost."""
    model, images = seeded(build, biases=False), small_images()
    found = explained(model, images, convolutions="alpha1_beta0", epsilon=1e-9)
    assert not found.degenerate.any()
    assert found.extras["conservation_error"].abs().max() < 1e-4


def test_a_class_map_convolution_is_a_dense_layer() -> None:
    class ClassMaps(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.head = torch.nn.Conv2d(3, 6, 3), torch.nn.Conv2d(6, CLASSES, 1)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.head(self.stem(images).relu()).mean((2, 3))

    class Linear(ClassMaps):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            x = self.stem(images).relu().permute(0, 2, 3, 1)
            return torch.nn.functional.linear(x, self.head.weight[:, :, 0, 0], self.head.bias).mean((1, 2))

    images = small_images()
    torch.testing.assert_close(
        explained(seeded(ClassMaps), images).maps,
        explained(seeded(Linear), images).maps,
        atol=1e-5,
        rtol=1e-3,
    )


@pytest.mark.parametrize("name", ["resnet18", "squeezenet1_1", "mobilenet_v2"])
def test_keeps_the_score_of_known_architectures_without_biases(name: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(2)
        model = torchvision.models.get_model(name, weights=None).eval()
    for module in model.modules():
        if isinstance(getattr(module, "bias", None), torch.Tensor):
            torch.nn.init.zeros_(module.bias)
        if isinstance(
            module, torch.nn.BatchNorm2d
        ):  # as wide as its input, so that depth does not fade the signal
            module.running_var.fill_(0.3)
    images = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    found = create_method("lrp", classifier_of(model, size=40), epsilon=1e-9).explain(
        images, torch.tensor([7])
    )
    with torch.no_grad():
        score = model(images)[0, 7]
    assert not found.degenerate.any()
    assert found.extras["conservation_error"].abs().item() < 1e-5 + 1e-4 * abs(float(score))
