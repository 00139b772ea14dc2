from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.scoring.batch_size import remember_batch_size
from tests.core.methods.literal_masking import Network, enlarge

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def literal(network: Network, image: np.ndarray, target: int) -> np.ndarray:
    features = network.features(image)
    untouched = network.logits(image)[target]
    cam = np.zeros(features.shape[1:])
    for channel in range(len(features)):
        without = features.copy()
        without[channel] = 0
        drop = untouched - network.logits_of(without)[target]
        cam += drop / (abs(untouched) + 1e-6) * features[channel]
    return enlarge(np.maximum(cam, 0), *image.shape[1:])


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_equals_the_literal_form(layer: int, tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("ablation_cam", tiny_classifier, layer=f"features.{layer}")
    explanation = method.explain(tiny_images, TARGETS)
    network = Network(tiny_classifier.model, layer + 1)
    used = 0
    for image, target, saliency in zip(tiny_images.double().numpy(), TARGETS, explanation.maps, strict=True):
        expected = literal(network, image, int(target))
        np.testing.assert_allclose(saliency.numpy(), expected, atol=1e-5 * max(expected.max(), 1))
        used += expected.max() > 0.01
    assert used >= 3


class Counting(torch.nn.Module):
    """Counts the images that pass."""

    def __init__(self) -> None:
        super().__init__()
        self.images = 0

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.images += len(values)
        return values


def test_only_the_part_above_the_layer_runs_for_each_channel(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    model = tiny_classifier.model
    expected = create_method("ablation_cam", tiny_classifier, layer="features.3").explain(
        tiny_images, TARGETS
    )
    below, above = Counting(), Counting()
    model.features = torch.nn.Sequential(below, *model.features, above)
    explanation = create_method("ablation_cam", tiny_classifier, layer="features.4").explain(
        tiny_images, TARGETS
    )
    assert torch.equal(explanation.maps, expected.maps)
    # Recording, one blank image for the trial, one for each of six batches of 7: six channels and the untouched image.
    assert below.images == 6 + 1 + 6
    assert above.images == 6 + 7 + 6 * 7


def test_batches_above_the_layer_are_large_though_the_networks_are_small(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    expected = create_method("ablation_cam", tiny_classifier, layer="features.3").explain(
        tiny_images, TARGETS
    )
    remember_batch_size(tiny_classifier, "fp32", 2)
    model, below = tiny_classifier.model, Counting()
    model.features = torch.nn.Sequential(below, *model.features)
    explanation = create_method("ablation_cam", tiny_classifier, layer="features.4").explain(
        tiny_images, TARGETS
    )
    torch.testing.assert_close(explanation.maps, expected.maps)
    # Recording, one blank image for the trial of every two images, and one for each batch of 7 instead of each of 2.
    assert below.images == 6 + 3 + 6


class Branching(torch.nn.Module):
    """A layer beside which something else reaches the logits: added, concatenated or through a fixed batch size."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 4, 3, stride=4, padding=1)
        self.inner = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.head = torch.nn.Linear(8 if how == "concatenate" else 4, 5)
        self.how = how

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        beside = self.stem(images).relu()
        inside = self.inner(beside)
        if self.how == "concatenate":
            both = torch.cat([inside, beside], 1)
        elif self.how == "add":
            both = inside + beside
        elif self.how == "add_in_place":
            beside += inside
            both = beside
        else:
            both = inside
        pooled = both.relu().mean((2, 3))
        return self.head(pooled.view(len(images), -1) if self.how == "fixed_batch" else pooled)


@pytest.mark.parametrize("how", ["concatenate", "add", "add_in_place", "fixed_batch"])
@pytest.mark.parametrize("count", [1, 3])
def test_layers_beside_which_something_passes_run_the_whole_network(
    how: str, count: int, tiny_images: torch.Tensor
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = Branching(how).eval()
    classifier = Classifier(model, name=how, preprocessing=Preprocessing(size=32), default_layer="inner")
    images, targets = tiny_images[:count], TARGETS[:count]
    explanation = create_method("ablation_cam", classifier).explain(images, targets)
    assert not model.inner._forward_hooks
    for image, target, saliency in zip(images, targets, explanation.maps, strict=True):
        with torch.no_grad():
            features = model.inner(model.stem(image[None]).relu())
            untouched = model(image[None])[0, target]
            weights = []
            for channel in range(4):
                kernel, bias = model.inner.weight[channel].clone(), model.inner.bias[channel].clone()
                model.inner.weight[channel] = 0
                model.inner.bias[channel] = 0
                weights.append((untouched - model(image[None])[0, target]) / (untouched.abs() + 1e-6))
                model.inner.weight[channel], model.inner.bias[channel] = kernel, bias
            cam = (torch.stack(weights)[:, None, None] * features[0]).sum(0).relu()
            expected = torch.nn.functional.interpolate(cam[None, None], size=(32, 32), mode="bilinear")[0, 0]
        torch.testing.assert_close(saliency, expected, atol=1e-5 * float(expected.max()), rtol=0)
        assert expected.max() > 0


class Reused(torch.nn.Module):
    """One ReLU that is used twice; the last use counts."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, stride=4, padding=1)
        self.second = torch.nn.Conv2d(4, 4, 3, padding=1)
        self.relu = torch.nn.ReLU()
        self.head = torch.nn.Linear(4, 5)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.relu(self.second(self.relu(self.first(images)))).mean((2, 3)))


def test_a_reused_relu_is_replaced_where_it_was_recorded(tiny_images: torch.Tensor) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        model = Reused().eval()
    classifier = Classifier(model, name="reused", preprocessing=Preprocessing(size=32), default_layer="relu")
    explanation = create_method("ablation_cam", classifier).explain(tiny_images[:1], TARGETS[:1])
    with torch.no_grad():
        features = model.relu(model.second(model.relu(model.first(tiny_images[:1]))))[0]
        pooled = features.mean((1, 2))
        untouched = model.head(pooled)[0]
        # Above the layer the network is linear: without channel k the logit lacks w_k · mean of the channel.
        weights = model.head.weight[0] * pooled / (untouched.abs() + 1e-6)
        cam = (weights[:, None, None] * features).sum(0).relu()
        expected = torch.nn.functional.interpolate(cam[None, None], size=(32, 32), mode="bilinear")[0, 0]
    torch.testing.assert_close(explanation.maps[0], expected, atol=1e-5, rtol=1e-4)


def test_a_logit_near_zero_or_below_keeps_the_weights_signs(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("ablation_cam", tiny_classifier)
    expected = method.explain(tiny_images, TARGETS).normalised()
    with torch.no_grad():
        tiny_classifier.model.head.bias -= 20  # the drops are the same, all logits are negative
    moved = method.explain(tiny_images, TARGETS).normalised()
    torch.testing.assert_close(moved, expected, atol=1e-4, rtol=0)


def test_dead_channels_weigh_nothing_and_batch_equals_single(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    with torch.no_grad():
        tiny_classifier.model.features[2].weight[:2].zero_()
        tiny_classifier.model.features[2].bias[:2] = -1
    method = create_method("ablation_cam", tiny_classifier)
    together = method.explain(tiny_images, TARGETS)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        tiny_classifier.model.features[2].bias.fill_(-1)
        tiny_classifier.model.features[2].weight.zero_()
    assert method.explain(tiny_images, TARGETS).degenerate.all()
