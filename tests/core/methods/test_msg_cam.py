from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from tests.core.methods.literal_cam import TARGETS, Doubled, given_classifier, msg_cam

PLAIN = {"sizes": [32, 64], "theta": 70.0, "groups": 4, "combine": "raw"}
QUICK = {"resolutions": "32,44", "groups": 4, "blur_kernel": 7, "blur_sigma": 3}


def compare(
    classifier: Classifier,
    images: torch.Tensor,
    targets: torch.Tensor,
    layer: int,
    settings: dict[str, Any],
    least_useful: int = 1,
) -> None:
    network = Doubled(classifier.model, layer + 1)
    method = create_method(
        "msg_cam",
        classifier,
        layer=f"features.{layer}",
        resolutions=settings["sizes"],
        theta=settings["theta"],
        groups=settings["groups"],
        combine=settings["combine"],
        rectify_alpha=settings.get("rectify", False),
        alpha_score="logit" if settings.get("logits") else "probability",
        blur_kernel=7,
        blur_sigma=3,
    )
    maps = method.explain(images, targets).maps.double()
    pairs = zip(images.double().numpy(), targets.tolist(), strict=True)
    expected = torch.from_numpy(
        np.stack([msg_cam(network, image, target, **settings) for image, target in pairs])
    )
    largest = expected.flatten(1).amax(1)
    assert (largest > 1e-4).sum() >= least_useful
    for found, wanted, scale in zip(maps, expected, largest, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-5 * max(float(scale), 0.01), rtol=1e-5)


@pytest.mark.parametrize("layer", [1, 3])
@pytest.mark.parametrize("sizes", [[32], [32, 64], [32, 44, 57], [32, 64, 75]])
def test_equals_the_algorithm(
    layer: int, sizes: list[int], tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """Layer 3's maps are 8, 16, … wide: a whole part of 32, or (11, 15, 19) not."""
    targets = torch.cat([tiny_classifier.logits(tiny_images[:2]).argmax(1), TARGETS[2:4]])
    compare(tiny_classifier, tiny_images[:4], targets, layer, PLAIN | {"sizes": sizes}, least_useful=2)


@pytest.mark.parametrize(
    "changed",
    [
        {"combine": "denoised"},
        {"combine": "normalised"},
        {"theta": 0.0},
        {"theta": 33.3},
        {"rectify": True},
        {"logits": True},
        {"groups": 3},
        {"groups": 1},
        {"groups": 100},
    ],
)
def test_every_choice_equals_the_algorithm(
    changed: dict[str, Any], tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    targets = tiny_classifier.logits(tiny_images[:3]).argmax(1)
    compare(tiny_classifier, tiny_images[:3], targets, 1, PLAIN | {"sizes": [32, 44]} | changed)


def test_one_size_without_denoising_is_group_cam(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """Where all group maps are positive, so that ReLU and enlarging commute: every weight of the head is."""
    tiny_classifier.model.head.weight.data.abs_()
    shared = {"groups": 3, "blur_kernel": 7, "blur_sigma": 3.0}
    ours = create_method("msg_cam", tiny_classifier, resolutions="32", theta=0, rectify_alpha=True, **shared)
    theirs = create_method("group_cam", tiny_classifier, variant="head", **shared)
    targets = tiny_classifier.logits(tiny_images).argmax(1)
    found, expected = ours.explain(tiny_images, targets), theirs.explain(tiny_images, targets)
    assert torch.equal(found.degenerate, expected.degenerate)
    assert (~found.degenerate).sum() >= 3
    torch.testing.assert_close(found.maps, expected.maps, atol=1e-6, rtol=1e-4)


class RedAndMinusRed(torch.nn.Module):
    """Two channels, both the picture's red; one speaks for class 0, the other against it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Conv2d(3, 2, 1)
        self.head = torch.nn.Linear(2, 2)
        for parameter in self.parameters():
            parameter.data.zero_()
        self.features.weight.data[:, 0] = 1
        self.head.weight.data[0] = torch.tensor([1.0, -0.5])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images).relu().mean((2, 3)))


def test_a_group_without_contrast_counts_nothing() -> None:
    """METHODS.md vector 10: a group whose weights are negative has a map of zeros, and makes no NaN."""
    classifier = Classifier(
        RedAndMinusRed(), name="net", preprocessing=Preprocessing(size=8), default_layer="features"
    )
    images = torch.zeros(1, 3, 8, 8)
    images[0, 0, 2:4, 5:7] = 4.0
    method = create_method("msg_cam", classifier, resolutions="8", groups=2, blur_kernel=3, blur_sigma=1)
    explanation = method.explain(images, torch.tensor([0]))
    assert explanation.extras["effective_groups"].tolist() == [2]
    assert explanation.extras["useful_groups"].tolist() == [1]
    assert explanation.degenerate.tolist() == [False]
    # By hand: W̄ = 1/64 and M = 4/64 on the square; the mask is the square, so the masked image is the image in
    # the square and the blur elsewhere. What spills over the square's border is more red than the image has.
    normalised = explanation.normalised()[0]
    assert normalised[2:4, 5:7].eq(1).all()
    assert normalised.sum() == 4


def test_all_negative_weights_give_a_flagged_zero_map() -> None:
    """All groups are without contrast; and where all α are negative, the ReLU leaves nothing."""
    classifier = given_classifier(torch.rand(4, 4, 4), -torch.rand(1, 4, 4, 4))
    method = create_method("msg_cam", classifier, resolutions="8", groups=2, blur_kernel=3)
    explanation = method.explain(torch.randn(2, 3, 8, 8), torch.tensor([0, 0]))
    assert explanation.degenerate.tolist() == [True, True]
    assert explanation.extras["useful_groups"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("grouping", "groups", "effective"),
    [("chunk", 4, 3), ("even", 4, 4), ("chunk", 32, 6), ("even", 32, 6), ("chunk", 1, 1)],
)
def test_groups_that_do_not_divide_the_channels(
    grouping: str, groups: int, effective: int, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    method = create_method("msg_cam", tiny_classifier, **QUICK | {"groups": groups, "grouping": grouping})
    assert method.explain(tiny_images, TARGETS).extras["effective_groups"].tolist() == [effective] * 6


@pytest.mark.parametrize("combine", ["raw", "normalised"])
def test_a_batch_equals_single_images(
    combine: str, tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    images, targets = tiny_images.repeat(2, 1, 1, 1)[:9], TARGETS.repeat(2)[:9]  # more than one slice of four
    method = create_method("msg_cam", tiny_classifier, combine=combine, percentile_scope="joint", **QUICK)
    together = method.explain(images, targets)
    for number in range(9):
        alone = method.explain(images[number : number + 1], targets[number : number + 1])
        torch.testing.assert_close(alone.maps[0], together.maps[number], atol=1e-6, rtol=1e-5)
        for name, value in alone.extras.items():
            assert value[0] == together.extras[name][number]


def test_masked_images_fill_equal_batches(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 groups of 64 channels and the canvas are 33 copies: five batches of 7, not five of 8 with 7 of padding."""
    wide = torch.nn.Conv2d(8, 64, 3, padding=1)
    model = tiny_classifier.model
    model.features[2], model.head = wide, torch.nn.Linear(64, 5)
    seen: list[int] = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    method = create_method("msg_cam", tiny_classifier, resolutions="32", blur_kernel=7)
    method.explain(tiny_images[:1], TARGETS[:1])
    assert seen == [1, 7, 7, 7, 7, 7]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"blur_kernel": 50}, "blur_kernel must be odd"),
        (
            {"resolutions": ""},
            "resolutions must be whole numbers separated by commas, for example 224,324,424,524",
        ),
        ({"resolutions": "224,4"}, "resolutions must be at least 8; got 4"),
        ({"theta": 101}, "theta must be at most 100"),
        ({"combine": "sum"}, "combine must be one of raw, denoised, normalised"),
    ],
)
def test_wrong_parameters_are_refused(
    wrong: dict[str, Any], message: str, tiny_classifier: Classifier
) -> None:
    with pytest.raises(ParameterError, match=message):
        create_method("msg_cam", tiny_classifier, **wrong)


def test_images_smaller_than_the_blur_are_refused(tiny_classifier: Classifier) -> None:
    with pytest.raises(ParameterError, match="26 pixels"):
        create_method("msg_cam", tiny_classifier).explain(torch.zeros(1, 3, 24, 24), torch.tensor([0]))


def test_defaults_presets_and_cost() -> None:
    description = method_description("msg_cam")
    defaults = description.validate({})
    assert defaults["resolutions"] == [224, 324, 424, 524]
    assert (defaults["groups"], defaults["theta"]) == (32, 70)
    assert (defaults["blur_kernel"], defaults["blur_sigma"]) == (51, 50)
    assert description.preset("standard") == defaults
    assert description.preset("cameras8")["resolutions"] == list(range(224, 1000, 100))
    assert description.preset("thesis_text")["resolutions"] == [224, 334, 434, 534]
    cost = description.work({})
    assert cost.forwards == pytest.approx(12.15 + 33, abs=0.005)
    assert cost.backwards == pytest.approx(12.15, abs=0.005)
    assert description.work({}, channels=6).forwards == pytest.approx(12.15 + 7, abs=0.005)
    assert description.work(description.preset("cameras8")).backwards == pytest.approx(60.9, abs=0.05)
