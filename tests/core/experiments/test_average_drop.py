from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import HALF, Preprocessing
from saliency_core.experiments.average_drop import AverageDrop
from saliency_core.experiments.base import create_experiment, protocol
from tests.core import literal
from tests.core.experiments.explained import explained_of
from tests.core.experiments.splitting import assert_parts_make_the_whole, columns_of


class MeanAsProbability(torch.nn.Module):
    """Class 0 has the mean of the picture in [0, 1] space as its probability."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        share = (images * 0.5 + 0.5).mean((1, 2, 3)).clamp(1e-6, 1 - 1e-6)
        return torch.stack([share, 1 - share], dim=1).log()


@pytest.fixture
def mean_classifier() -> Classifier:
    preprocessing = Preprocessing(size=8, mean=HALF, std=HALF)
    return Classifier(MeanAsProbability(), name="mean", preprocessing=preprocessing)


def test_protocols() -> None:
    score_cam = protocol("average_drop", "score-cam@1")
    assert score_cam.to_dict()["muted_share"] == 0.5
    assert protocol("average_drop", "grad-cam++@1").to_dict()["muted_share"] == 0
    assert AverageDrop.forwards_per_image(score_cam) == 2


def test_by_hand(mean_classifier: Classifier) -> None:
    """Pictures of one grey of .8; rows of the map, from the top: 3, 1, 1, 1, 0, 0, −1, −1."""
    images = torch.full((2, 3, 8, 8), 0.6)
    saliency = torch.tensor([3.0, 1, 1, 1, 0, 0, -1, -1])[:, None].expand(8, 8)
    explained = explained_of(mean_classifier, images, torch.stack([saliency, saliency]), [0, 1])
    # In [0, 1] the rows are 1, ½, ½, ½, ¼, ¼, 0, 0: on average 3/8 of the picture is left, of .8 that is .3.
    whole = create_experiment("average_drop", "grad-cam++@1").measure(explained)
    assert whole.scalars["probability"] == pytest.approx([0.8, 0.2], abs=1e-6)
    assert whole.scalars["masked_probability"] == pytest.approx([0.3, 0.7], abs=1e-6)
    assert whole.scalars["drop"] == pytest.approx([0.5 / 0.8, 0], abs=1e-6)
    assert whole.scalars["increase"].tolist() == [0, 1]
    # Muting the lower half leaves 1, ½, ½, ½: 5/16, of .8 that is .25.
    half = create_experiment("average_drop", "score-cam@1").measure(explained)
    assert half.scalars["masked_probability"] == pytest.approx([0.25, 0.75], abs=1e-6)
    assert half.scalars["drop"] == pytest.approx([0.55 / 0.8, 0], abs=1e-6)
    experiment = create_experiment("average_drop", "score-cam@1")
    drop, increase = experiment.figures()
    columns = columns_of(explained, half)
    assert drop.value(columns) == pytest.approx(
        0.55 / 0.8 / 2, abs=1e-6
    )  # over all images, not those that drop
    assert increase.value(columns) == 0.5


def test_of_equal_values_the_first_pixels_stay(mean_classifier: Classifier) -> None:
    images = torch.full((1, 3, 8, 8), 1.0)
    saliency = torch.ones(1, 8, 8)
    saliency[0, 7] = 0
    measured = create_experiment("average_drop", "score-cam@1").measure(
        explained_of(mean_classifier, images, saliency, [0])
    )
    assert measured.scalars["masked_probability"] == pytest.approx([0.5], abs=1e-6)  # 4 of the 7 rows of ones


def test_a_degenerate_map_shows_black(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    explained = explained_of(tiny_classifier, tiny_images[:1], torch.zeros(1, 32, 32), [2])
    measured = create_experiment("average_drop", "grad-cam++@1").measure(explained)
    preprocessing = tiny_classifier.preprocessing
    black = -np.array(preprocessing.mean) / np.array(preprocessing.std)
    picture = np.broadcast_to(black[:, None, None], (3, 32, 32))
    expected = literal.probability(tiny_classifier.model, picture, 2)
    assert measured.scalars["masked_probability"] == pytest.approx([expected], abs=1e-5)


def test_measure_equals_the_literal_loop(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    maps = torch.randn(6, 32, 32, generator=torch.Generator().manual_seed(4)).mul(3).round()
    targets = [0, 1, 2, 3, 4, 0]
    explained = explained_of(tiny_classifier, tiny_images, maps, targets)
    columns = assert_parts_make_the_whole(
        create_experiment("average_drop", "score-cam@1"), explained, rounding=1e-6
    )
    mean, std = (
        np.array(values)[:, None, None]
        for values in (tiny_classifier.preprocessing.mean, tiny_classifier.preprocessing.std)
    )
    for number, target in enumerate(targets):
        image, saliency = tiny_images[number].double().numpy(), maps[number].double().numpy()
        weights = (saliency - saliency.min()) / (saliency.max() - saliency.min())
        weights.reshape(-1)[literal.order_of(saliency)[512:]] = 0
        masked = ((image * std + mean) * weights - mean) / std
        clean = literal.probability(tiny_classifier.model, image, target)
        left = literal.probability(tiny_classifier.model, masked, target)
        assert columns.scalars["probability"][number] == pytest.approx(clean, abs=1e-5)
        assert columns.scalars["masked_probability"][number] == pytest.approx(left, abs=1e-5)
        assert columns.scalars["drop"][number] == pytest.approx(max(0, clean - left) / clean, abs=1e-4)
        assert columns.scalars["increase"][number] == (left > clean)
    assert 0 < columns.scalars["increase"].sum() < 6
