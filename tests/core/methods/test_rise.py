from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.methods.registry import method_description
from saliency_core.scoring.random_masks import RandomMasks
from saliency_core.scoring.scorer import Scorer
from tests.core.methods.literal_masking import Network

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])


def test_equals_the_literal_sum(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("rise", tiny_classifier, masks=75, cells=5, probability=0.3, seed=4)
    explanation = method.explain(tiny_images, TARGETS)
    masks = RandomMasks((32, 32), 75, 5, 0.3, 4).chunk(0, 75).double().numpy()
    network = Network(tiny_classifier.model, 4)
    for image, target, saliency in zip(tiny_images.double().numpy(), TARGETS, explanation.maps, strict=True):
        expected = np.zeros((32, 32))
        for mask in masks:
            expected += network.probabilities(image * mask)[int(target)] * mask / (75 * 0.3)
        np.testing.assert_allclose(saliency.numpy(), expected, rtol=1e-5, atol=1e-7)
        assert expected.std() > 0.01 * expected.max()


def test_one_mask_set_for_all_images_and_classes(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    """An image with three classes is scored once, and gives what each class alone gives."""
    forwards: list[int] = []
    network_forward = tiny_classifier.model.forward

    def counting(images: torch.Tensor) -> torch.Tensor:
        forwards.append(len(images))
        return network_forward(images)

    tiny_classifier.model.forward = counting
    images = tiny_images[[0, 1, 0, 0]]
    targets = torch.tensor([2, 2, 4, 2])
    method = create_method("rise", tiny_classifier, masks=64)
    together = method.explain(images, targets).maps
    assert sum(forwards) == 2 * 64
    assert torch.equal(together[0], together[3])
    for number in range(4):
        alone = method.explain(images[number : number + 1], targets[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-7, rtol=1e-5)


def test_batch_equals_single_order_and_seed(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    state = torch.get_rng_state()
    method = create_method("rise", tiny_classifier, masks=50)
    together = method.explain(tiny_images, TARGETS).maps
    reverse = method.explain(tiny_images.flip(0), TARGETS.flip(0)).maps.flip(0)
    torch.testing.assert_close(reverse, together, atol=1e-7, rtol=1e-5)
    for number in range(6):
        alone = method.explain(tiny_images[number : number + 1], TARGETS[number : number + 1]).maps[0]
        torch.testing.assert_close(alone, together[number], atol=1e-7, rtol=1e-5)
    assert torch.equal(torch.get_rng_state(), state)
    other = create_method("rise", tiny_classifier, masks=50, seed=1).explain(tiny_images, TARGETS).maps
    assert not torch.allclose(other, together)


def test_masks_are_made_a_batch_at_a_time(
    tiny_classifier: Classifier, tiny_images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = Scorer.score_masks

    def watching(self: Scorer, images: torch.Tensor, masks: torch.Tensor, *rest: object) -> torch.Tensor:
        sizes.append(len(masks))
        return original(self, images, masks, *rest)

    monkeypatch.setattr(Scorer, "score_masks", watching)
    create_method("rise", tiny_classifier, masks=70).explain(tiny_images[:2], TARGETS[:2])
    assert sizes == [8] * 8 + [6]


def test_equal_scores_say_nothing(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    """The formula alone would give the share of masks in which each pixel happened to be kept."""
    with torch.no_grad():
        tiny_classifier.model.head.weight.zero_()
    assert create_method("rise", tiny_classifier, masks=40).explain(tiny_images, TARGETS).degenerate.all()
    blank = torch.zeros(1, 3, 32, 32)
    assert create_method("rise", tiny_classifier, masks=40).explain(blank, TARGETS[:1]).degenerate.all()


def test_a_broken_image_does_not_spread(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    method = create_method("rise", tiny_classifier, masks=40)
    expected = method.explain(tiny_images, TARGETS)
    broken = tiny_images.clone()
    broken[1] = float("nan")
    explanation = method.explain(broken, TARGETS)
    assert explanation.degenerate.tolist() == [False, True, False, False, False, False]
    torch.testing.assert_close(explanation.maps[2:], expected.maps[2:])


def test_defaults_are_the_papers() -> None:
    description = method_description("rise")
    defaults = description.validate({})
    assert defaults == {"masks": 4000, "cells": 7, "probability": 0.5, "seed": 0}
    assert description.cost(defaults).forwards == 4000
