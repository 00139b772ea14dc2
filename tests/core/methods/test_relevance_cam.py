from __future__ import annotations

import copy

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import LayerError
from tests.core.methods import literal_lrp
from tests.core.methods.small_networks import (
    CLASSES,
    SIZE,
    TARGETS,
    Residual,
    classifier_of,
    relu_network,
    seeded,
    small_images,
)
from tests.core.methods.test_lrp_refusals import Refused


def without_bias(layer: torch.nn.Module) -> torch.nn.Module:
    layer = copy.deepcopy(layer)
    torch.nn.init.zeros_(layer.bias)
    return layer


@pytest.mark.parametrize("bias", ["ignored", "twice"])
def test_equals_a_loop_over_connections(bias: str) -> None:
    """Layer after the first convolution's ReLU; above it a convolution, a max pool and two linear layers."""
    model, images = relu_network(), small_images()
    method = create_method(
        "relevance_cam", classifier_of(model), layer="activations.0", convolution_bias=bias
    )
    found = method.explain(images, TARGETS)
    double = copy.deepcopy(model).double()
    for number, target in enumerate(TARGETS.tolist()):
        with torch.no_grad():
            first = double.first(images[number].double()).relu()
            second = double.second(first).relu()
            pooled = torch.nn.functional.max_pool2d(second, 2)
            hidden = double.hidden(pooled.flatten()).relu()
        relevance = torch.full((CLASSES,), -1 / CLASSES, dtype=torch.float64)
        relevance[target] = 1.0
        head, dense = without_bias(double.head), without_bias(double.hidden)
        relevance = literal_lrp.propagate(head, hidden, relevance, "alpha1_beta0")
        relevance = literal_lrp.propagate(dense, pooled.flatten(), relevance, "alpha1_beta0")
        relevance = literal_lrp.pool(second, relevance.view(pooled.shape), 2)
        if bias == "ignored":
            relevance = literal_lrp.propagate(without_bias(double.second), first, relevance, "alpha1_beta0")
        else:
            relevance = literal_lrp.propagate(double.second, first, relevance, "bias_twice")
        weights = relevance.mean((1, 2))
        expected = (weights[:, None, None] * first).sum(0)
        torch.testing.assert_close(found.maps[number].double(), expected, atol=1e-5, rtol=1e-3)


def test_all_of_the_start_arrives_where_nothing_is_lost() -> None:
    """Σ w_k h w = 1 − (C − 1)/C: with biases ignored the αβ rule, sums, pools and BatchNorm keep the total."""
    model, images = seeded(lambda: Residual(normalised=True)), small_images()
    method = create_method("relevance_cam", classifier_of(model), layer="pool")
    features: list[torch.Tensor] = []
    handle = model.pool.register_forward_hook(lambda module, inputs, output: features.append(output))
    with torch.no_grad():
        model(images)
    handle.remove()
    with torch.enable_grad():
        recorded, logits = method._prepared(images)  # type: ignore[attr-defined]
    start = torch.full_like(logits, -1 / CLASSES).scatter_(1, TARGETS[:, None], 1.0)
    (gradient,) = torch.autograd.grad(logits, recorded, start / logits.detach())
    total = (recorded * gradient).sum((1, 2, 3))
    torch.testing.assert_close(total, torch.full_like(total, 1 / CLASSES), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(recorded.detach(), features[0])


def test_there_is_no_relu() -> None:
    method = create_method("relevance_cam", classifier_of(relu_network()), layer="activations.1")
    maps = torch.stack(
        [method.explain(small_images(), TARGETS * 0 + target).maps for target in range(CLASSES)]
    )
    assert maps.min() < -1e-4
    assert maps.max() > 1e-4


@pytest.mark.parametrize("style", ["in_place", "reused", "reused_in_place"])
def test_however_a_relu_is_written(style: str) -> None:
    images = small_images()
    maps = [
        create_method("relevance_cam", classifier_of(relu_network(which)), layer="second")
        .explain(images, TARGETS)
        .maps
        for which in ("modules", style)
    ]
    torch.testing.assert_close(maps[0], maps[1])
    assert maps[0].shape == (3, SIZE, SIZE)


def test_only_what_is_above_the_layer_needs_rules() -> None:
    classifier = classifier_of(Refused("softmax"), name="odd")
    with pytest.raises(LayerError, match=r"no rule for .*softmax.* \(in 'inner'\)"):
        create_method("relevance_cam", classifier, layer="stem")
    explanation = create_method("relevance_cam", classifier, layer="inner").explain(small_images(), TARGETS)
    assert not explanation.degenerate.any()
