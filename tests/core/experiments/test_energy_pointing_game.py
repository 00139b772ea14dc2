from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Annotations, Box
from saliency_core.experiments.base import Measurement, protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.energy_pointing_game import EnergyPointingGame
from saliency_core.experiments.ground_truth import Truth
from tests.core.experiments.explained import explained_of

SIZE = 8


def game(name: str) -> EnergyPointingGame:
    return EnergyPointingGame(replace(protocol("energy_pointing_game", name), size=SIZE))


def truth_of(*boxes: Box, **rest: Any) -> Truth:
    return Truth(Annotations(SIZE, SIZE, boxes, **rest), Preprocessing(size=SIZE))


def measured(
    classifier: Classifier, name: str, maps: torch.Tensor, truth: Truth, label: str | None
) -> Measurement:
    count = len(maps)
    return game(name).measure(
        explained_of(
            classifier,
            torch.zeros(count, 3, SIZE, SIZE),
            maps,
            [0] * count,
            truths=[truth] * count,
            unit_labels=[label] * count,
        )
    )


def test_the_share_of_the_map_inside_the_box(tiny_classifier: Classifier) -> None:
    maps = torch.zeros(4, SIZE, SIZE)
    maps[0, 1, 5], maps[0, 6, 2] = 3, 1  # three quarters inside
    maps[1, 1, 5], maps[1, 6, 2] = 3, -100  # negative values count 0
    maps[2] = -1.0  # constant
    maps[3, 5, 1] = 1  # rows and columns exchanged: outside
    truth = truth_of(Box("dog", 4, 0, 8, 2))  # columns 4 … 7 of rows 0 and 1
    scalars = measured(tiny_classifier, "all@1", maps, truth, "dog").scalars
    assert scalars["energy"].tolist() == [0.75, 1.0, 0.0, 0.0]
    assert scalars["area"].tolist() == [8 / 64] * 4
    assert scalars["annotated_class"].tolist() == ["dog"] * 4


def test_the_map_is_stretched_to_begin_at_zero(tiny_classifier: Classifier) -> None:
    maps = torch.full((1, SIZE, SIZE), 5.0)
    maps[0, 0, 4], maps[0, 7, 0] = 7, 6
    scalars = measured(tiny_classifier, "all@1", maps, truth_of(Box("dog", 4, 0, 8, 2)), "dog").scalars
    assert scalars["energy"][0] == pytest.approx(2 / 3)


def test_an_all_negative_map_has_no_energy(tiny_classifier: Classifier) -> None:
    maps = -torch.rand(1, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) - 0.1
    scalars = measured(tiny_classifier, "all@1", maps, truth_of(Box("dog", 0, 0, 8, 8)), "dog").scalars
    assert scalars["energy"].tolist() == [0.0]


def test_masks_of_the_class_and_of_all_objects(tiny_classifier: Classifier) -> None:
    mask, foreground = np.zeros((SIZE, SIZE), dtype=np.bool_), np.zeros((SIZE, SIZE), dtype=np.bool_)
    mask[2, 3] = True
    foreground[2] = True
    maps = torch.zeros(1, SIZE, SIZE)
    maps[0, 2, 3], maps[0, 2, 4], maps[0, 5, 5] = 1, 2, 5
    truth = truth_of(masks={"dog": mask}, object_mask=foreground)
    assert measured(tiny_classifier, "masks@1", maps, truth, "dog").scalars["energy"].tolist() == [1 / 8]
    predicted = measured(tiny_classifier, "object-mask@1", maps, truth, None).scalars
    assert predicted["energy"].tolist() == [3 / 8]
    assert "annotated_class" not in predicted  # the class explained is the predicted one
    assert game("masks@1").accepts(truth, "dog") and not game("masks@1").accepts(truth, "cat")


def test_score_cam_takes_single_boxes_below_half_of_the_image() -> None:
    below, half = Box("dog", 0, 0, 8, 3), Box("dog", 0, 0, 8, 4)
    paper, every = game("score-cam@1"), game("all@1")
    assert paper.accepts(truth_of(below), "dog")
    assert not paper.accepts(truth_of(half), "dog")
    assert not paper.accepts(truth_of(below, Box("cat", 0, 0, 2, 2)), "dog")
    assert not paper.accepts(truth_of(below, below), "dog")
    assert every.accepts(truth_of(half, below), "dog") and not every.accepts(truth_of(half), "cat")


def test_figures_and_merging() -> None:
    random = np.random.default_rng(0)
    whole = Columns(
        indices=np.arange(20),
        images=[str(number) for number in range(20)],
        scalars={
            "energy": np.array([0.5, 0.25, 0.75, *random.random(17)]),
            "area": np.full(20, 0.25),
            "annotated_class": np.array(["dog", "dog", "cat"] + ["cow"] * 17),
        },
    )
    figures = {figure.key: figure for figure in game("all@1").figures()}
    three = whole.rows(np.arange(3))
    assert figures["energy"].value(three) == pytest.approx(0.5)
    assert figures["energy_classes"].value(three) == pytest.approx((0.375 + 0.75) / 2)
    assert figures["area"].value(three) == 0.25
    parts = [whole.rows(random.permutation(20)[:0]), whole.rows(np.arange(13, 20)), whole.rows(np.arange(13))]
    merged = Columns.merge(parts)
    assert [figure.value(merged) for figure in figures.values()] == [
        figure.value(whole) for figure in figures.values()
    ]
    assert all(np.isnan(figure.value(Columns())) for figure in figures.values())


def test_batch_equals_single(tiny_classifier: Classifier) -> None:
    maps = torch.randn(6, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    truth = truth_of(Box("dog", 1, 2, 6, 7))
    together = measured(tiny_classifier, "all@1", maps, truth, "dog").scalars["energy"]
    for number in range(6):
        alone = measured(tiny_classifier, "all@1", maps[number : number + 1], truth, "dog").scalars["energy"]
        assert alone[0] == together[number]
        positive = np.maximum(maps[number].numpy().astype(float), 0)
        expected = sum(positive[y, x] for y in range(2, 7) for x in range(1, 6)) / positive.sum()
        assert together[number] == pytest.approx(expected)
