"""The compatibility report, on networks small enough to know every figure."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.compatibility import compatibility_report
from saliency_core.classifiers.preprocessing import Preprocessing
from tests.core.methods.small_networks import classifier_of, relu_network, seeded
from tests.core.transformers.tiny import tiny_classifier

ATTENTION_METHODS = {
    "attention_rollout", "partial_lrp", "raw_attention", "transformer_attribution", "vit_grad_cam", "vit_lrp",
}  # fmt: skip


def pictures() -> list[tuple[str, Image.Image]]:
    generator = np.random.default_rng(3)
    return [
        (name, Image.fromarray(generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)))
        for name in ("first.png", "second.png")
    ]


def refused(report: dict) -> set[str]:
    return {each["method"] for each in report["methods"] if each["reason"]}


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("modules", {"modules": 3, "functional": 0, "in_place": 0, "reused": 0}),
        ("in_place", {"modules": 3, "functional": 0, "in_place": 3, "reused": 0}),
        ("reused", {"modules": 3, "functional": 0, "in_place": 0, "reused": 1}),
        ("reused_in_place", {"modules": 3, "functional": 0, "in_place": 1, "reused": 1}),
        ("functional", {"modules": 0, "functional": 3, "in_place": 0, "reused": 0}),
    ],
)
def test_relus_are_counted_by_how_they_are_written(style: str, expected: dict[str, int]) -> None:
    report = compatibility_report(classifier_of(relu_network(style)), pictures())
    assert report["relus"] == expected
    # conv 3 → 6 and 6 → 5, 3 × 3 each; linear 80 → 7 and 7 → 4.
    assert report["parameters"] == (6 * 27 + 6) + (5 * 54 + 5) + (7 * 80 + 7) + (4 * 7 + 4)
    assert report["tokens"] is None
    assert refused(report) == ATTENTION_METHODS | {"cam", "cameras", "msg_cam"}
    assert json.loads(json.dumps(report))["version"] == 1


def test_every_way_of_writing_it_gives_the_same_relevance() -> None:
    reports = [
        compatibility_report(classifier_of(relu_network(style)), pictures())
        for style in ("functional", "in_place", "reused")
    ]
    errors = [report["relevance"][0]["error"] for report in reports]
    assert errors == pytest.approx([errors[0]] * 3, abs=1e-5)
    assert reports[0]["relevance"][0]["method"] == "lrp"
    assert reports[0]["relevance"][0]["image"] == "first.png"
    assert reports[0]["predictions"] == reports[1]["predictions"] == reports[2]["predictions"]


class Plain(torch.nn.Module):
    """conv, BatchNorm, ReLU, BatchNorm, average, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Conv2d(3, 4, 3, bias=False)
        self.folded = torch.nn.BatchNorm2d(4)
        self.other = torch.nn.BatchNorm2d(4)
        self.head = torch.nn.Linear(4, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.other(torch.relu(self.folded(self.first(images))))
        return self.head(features.mean((2, 3)))


def test_batch_normalisation_is_told_by_where_it_stands() -> None:
    report = compatibility_report(classifier_of(seeded(Plain)), pictures())
    assert report["normalisation"] == {
        "batch_norm_folded": 1, "batch_norm_other": 1, "layer_norm": 0, "group_norm": 0,
    }  # fmt: skip


def test_without_biases_lrp_keeps_the_logit() -> None:
    model = relu_network("functional", biases=False)
    classifier = Classifier(
        model, name="small", preprocessing=Preprocessing(size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    )
    (found,) = compatibility_report(classifier, pictures())["relevance"]
    logits = classifier.logits(classifier.preprocessing.prepare(pictures()[0][1])[None]).detach()
    assert found["target"] == int(logits.argmax())
    assert found["expected"] == pytest.approx(float(logits.max()), abs=1e-5)
    assert found["error"] == pytest.approx(0, abs=1e-4)


def test_predictions_are_probabilities_best_first() -> None:
    for activation, total in [("softmax", True), ("sigmoid", False)]:
        classifier = Classifier(
            relu_network(), name="small", preprocessing=Preprocessing(size=8), activation=activation
        )
        report = compatibility_report(classifier, pictures())
        assert [each["image"] for each in report["predictions"]] == ["first.png", "second.png"]
        for each in report["predictions"]:
            assert len(each["classes"]) == 4
            assert list(each["probabilities"]) == sorted(each["probabilities"], reverse=True)
            assert (sum(each["probabilities"]) == pytest.approx(1)) is total
        assert report["batch_difference"] < 1e-5


class Gelu(Plain):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(torch.fft.fft2(self.first(images)).real.mean((2, 3)))


def test_an_operation_without_a_rule_is_named() -> None:
    report = compatibility_report(classifier_of(seeded(Gelu)), pictures())
    (found,) = report["relevance"]
    assert (found["error"], found["expected"]) == (None, None)
    assert "no rule for" in found["problem"]
    assert "fft" in found["problem"]
    assert "lrp" in refused(report)


def test_a_small_vision_transformer() -> None:
    report = compatibility_report(tiny_classifier(), pictures())
    assert report["tokens"] == {
        "blocks": 3, "heads": 3, "grid": [4, 4], "class_token": True, "class_token_decides": True,
        "distilled": False, "register_tokens": 0, "readable": True,
    }  # fmt: skip
    # Two in each of three blocks and the last one.
    assert report["normalisation"]["layer_norm"] == 7
    assert [each["method"] for each in report["relevance"]] == ["vit_lrp", "transformer_attribution"]
    assert [each["expected"] for each in report["relevance"]] == [1.0, 1.0]
    assert all(each["error"] < 1e-3 for each in report["relevance"])
    assert not ATTENTION_METHODS & refused(report)
    assert {"grad_cam", "lrp", "guided_backpropagation"} <= refused(report)
