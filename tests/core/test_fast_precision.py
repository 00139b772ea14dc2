"""The precision "fast": scores move a little, maps and the network not at all."""

from __future__ import annotations

import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.loading import load_classifier
from saliency_core.scoring.fast_network import FastNetwork, fast_network
from saliency_core.scoring.scorer import Scorer


def test_scores_are_near_those_of_full_precision(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    before = {name: values.clone() for name, values in tiny_classifier.model.state_dict().items()}
    full = Scorer(tiny_classifier).score_images(tiny_images)
    fast = Scorer(tiny_classifier, precision="fast").score_images(tiny_images)
    assert fast.dtype == torch.float32
    assert 0 < (fast - full).abs().max() < 0.01
    torch.testing.assert_close(fast.sum(1), torch.ones(6))  # probabilities are made of the logits in float32
    after = tiny_classifier.model.state_dict()
    assert all(
        torch.equal(after[name], values) and after[name].dtype == values.dtype
        for name, values in before.items()
    )
    assert torch.equal(Scorer(tiny_classifier).score_images(tiny_images), full)


def test_a_vit_on_a_processor_stays_in_full_precision() -> None:
    """Its mean areas moved by 0.06 points of 100 in bfloat16, and more than 0.05 is not allowed."""
    classifier = load_classifier("shapes_vit")
    images = torch.rand(2, 3, classifier.preprocessing.size, classifier.preprocessing.size)
    fast = Scorer(classifier, precision="fast")
    assert fast.precision == "fast"
    assert torch.equal(fast.score_images(images), Scorer(classifier).score_images(images))


def test_the_network_runs_in_bfloat16(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    seen: list[torch.dtype] = []
    hook = tiny_classifier.model.features.register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    Scorer(tiny_classifier, precision="fast").score_images(tiny_images)
    Scorer(tiny_classifier).score_images(tiny_images)
    hook.remove()
    assert seen == [torch.bfloat16, torch.float32]


class HeadFirst(torch.nn.Module):
    """Features [B, 2], then two linear layers, of which the one that is registered last runs first if so wished."""

    def __init__(self, *, last_runs_first: bool) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, 2, bias=False)
        self.last_runs_first = last_runs_first
        with torch.no_grad():
            # 1 + 1/128 is a number of bfloat16; its square, 1 + 2/128 + 1/16384, is not.
            self.a.weight.copy_(torch.eye(2) * (1 + 1 / 128))
            self.b.weight.copy_(torch.eye(2) * (1 + 1 / 128))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        first, second = (self.b, self.a) if self.last_runs_first else (self.a, self.b)
        return second(first(images.mean((2, 3))[:, :2]))


def test_a_linear_layer_at_the_end_gives_logits_in_full_precision() -> None:
    images = torch.ones(1, 3, 4, 4)
    logits = fast_network(HeadFirst(last_runs_first=False))(images)
    assert logits.dtype == torch.float32
    assert logits.tolist() == [[(1 + 1 / 128) ** 2] * 2]


def test_a_network_whose_last_layer_runs_earlier_stays_narrow() -> None:
    network = fast_network(HeadFirst(last_runs_first=True))
    for _ in range(2):
        logits = network(torch.ones(1, 3, 4, 4))
        assert logits.dtype == torch.bfloat16
        assert logits.tolist() == [[1 + 2 / 128] * 2]


def test_the_copy_is_made_once_and_again_when_weights_have_changed(tiny_classifier: Classifier) -> None:
    model = tiny_classifier.model
    first = fast_network(model)
    assert fast_network(model) is first
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    assert fast_network(model) is not first


class Squares(torch.nn.Module):
    """Two classes with the logits 0 and (the mean of the image · 1000)² / 10⁶: the square is too large for float16."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1000.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        square = (images.mean((1, 2, 3)) * self.scale) ** 2 / 1000 / 1000
        return torch.stack([torch.zeros_like(square), square], 1)


def test_values_too_large_for_float16_are_scored_again_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saliency_core.scoring.fast_network.fast_type", lambda device: torch.float16)
    classifier = Classifier(Squares(), name="squares", class_names=["zero", "square"])
    images = torch.ones(2, 3, 8, 8)
    assert not fast_network(classifier.model).plain_logits(images).isfinite().all()
    scores = Scorer(classifier, precision="fast").score_images(images)
    # Logits 0 and 1: 1 / (1 + e) and e / (1 + e), to the three digits of bfloat16.
    torch.testing.assert_close(scores, torch.tensor([[0.2689, 0.7311]] * 2), atol=2e-3, rtol=0)
    assert fast_network(classifier.model).dtype == torch.bfloat16


def test_what_can_not_be_compiled_runs_as_it_is(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    network = FastNetwork(tiny_classifier.model)
    expected = network(tiny_images)
    asked: list[int] = []

    def broken(images: torch.Tensor) -> torch.Tensor:
        asked.append(len(images))
        raise ValueError("no such operator")

    network._run = broken
    assert network.compiled
    torch.testing.assert_close(network(tiny_images), expected, atol=0, rtol=0)
    torch.testing.assert_close(network(tiny_images), expected, atol=0, rtol=0)
    assert (network.compiled, asked) == (False, [6])
