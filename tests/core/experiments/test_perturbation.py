from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.labels import class_index_of
from saliency_core.classifiers.preprocessing import HALF, Preprocessing
from saliency_core.datasets.images import read_image
from saliency_core.experiments.base import create_experiment, protocol
from saliency_core.experiments.perturbation import Perturbation, PerturbationProtocol
from saliency_core.scoring.canvas import black_canvas
from saliency_core.scoring.ranking import share_of_pixels
from saliency_core.scoring.scorer import Scorer
from tests.core import literal
from tests.core.experiments.explained import explained_of
from tests.core.experiments.splitting import assert_parts_make_the_whole, columns_of

TINY = PerturbationProtocol(name="tiny@1", summary="for tests", source="none", size=32)


class WhiteShare(torch.nn.Module):
    """Class 0 iff more than a quarter of the pixels is white, in [0, 1] space with mean and deviation ½."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        share = (images * 0.5 + 0.5).mean((1, 2, 3))
        return torch.stack([share, torch.full_like(share, 0.25)], dim=1)


class AlwaysFirst(torch.nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[1.0, 0.0]]).expand(len(images), 2)


def literal_curve(
    classifier: Classifier, image: np.ndarray, order: Sequence[int], label: int, shares: Sequence[float]
) -> list[float]:
    """1 where the network is right, removing pixel after pixel in [0, 1] space and normalising afterwards."""
    mean, std = (
        np.array(values)[:, None, None]
        for values in (classifier.preprocessing.mean, classifier.preprocessing.std)
    )
    curve = []
    for share in (0.0, *shares):
        picture = (image.astype(np.float64) * std + mean).reshape(3, -1)
        for index in order[: int(picture.shape[1] * share)]:
            picture[:, index] = 0
        normalised = (picture.reshape(image.shape) - mean) / std
        with torch.no_grad():
            logits = classifier.model(torch.from_numpy(normalised[None].astype(np.float32)))[0]
        curve.append(float(int(logits.argmax()) == label))
    return curve


def test_protocols() -> None:
    chefer = protocol("perturbation", "chefer@1")
    assert (chefer.target_rule, chefer.ground_truth, chefer.pipeline) == ("predicted", ("label",), "squash")
    assert protocol("perturbation", "chefer-label@1").target_rule == "label"
    assert Perturbation.forwards_per_image(chefer) == 19
    assert chefer.to_dict()["shares"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert chefer.to_dict()["canvas"] == "black"


def test_removed_pixels_are_rounded_down() -> None:
    counts = [share_of_pixels(50176, share) for share in protocol("perturbation", "chefer@1").shares]
    assert counts == [5017, 10035, 15052, 20070, 25088, 30105, 35123, 40140, 45158]
    assert int(100 * 0.29) == 28  # what binary fractions would make of it
    assert share_of_pixels(100, 0.29) == 29


def test_black_is_zero_before_normalisation() -> None:
    preprocessing = Preprocessing(size=8, mean=(0.5, 0.4, 0.3), std=(0.5, 0.2, 0.1))
    black = black_canvas(torch.rand(2, 3, 8, 8), preprocessing)
    assert black.shape == (2, 3, 8, 8)
    torch.testing.assert_close(black[1, :, 7, 0], torch.tensor([-1.0, -2.0, -3.0]))


def test_by_hand() -> None:
    """Left half white, right half black; the map marks the left half."""
    classifier = Classifier(
        WhiteShare(), name="white", preprocessing=Preprocessing(size=10, mean=HALF, std=HALF)
    )
    image = torch.full((1, 3, 10, 10), -1.0)
    image[..., :5] = 1
    saliency = torch.zeros(1, 10, 10)
    saliency[..., :5] = 1
    explained = explained_of(classifier, image, saliency, [0], labels=[0])
    measured = create_experiment("perturbation", "chefer@1").measure(explained)
    # The white half shrinks from the start: .5, .4, .3, .2 …
    assert measured.curves["positive"].tolist() == [[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]]
    # … or is reached when half is gone: .5 up to .5 removed, then .4, .3, .2, .1.
    assert measured.curves["negative"].tolist() == [[1, 1, 1, 1, 1, 1, 1, 1, 0, 0]]
    assert measured.scalars["positive_auc"] == pytest.approx([0.25])
    assert measured.scalars["negative_auc"] == pytest.approx([0.75])
    assert measured.scalars["overall"] == pytest.approx([0.5])
    assert measured.scalars["correct"].tolist() == [1]
    # Whichever class the map is made for, accuracy is that of the label.
    wrong = create_experiment("perturbation", "chefer@1").measure(
        explained_of(classifier, image, saliency, [0], labels=[1])
    )
    assert wrong.curves["positive"].tolist() == [[0, 0, 0, 1, 1, 1, 1, 1, 1, 1]]


def test_accuracy_of_four_fifths_throughout_has_the_area_72() -> None:
    classifier = Classifier(AlwaysFirst(), name="first", preprocessing=Preprocessing(size=8))
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    explained = explained_of(classifier, images, images.sum(1), [0] * 5, labels=[0, 0, 1, 0, 0])
    experiment = Perturbation(TINY)
    columns = columns_of(explained, experiment.measure(explained))
    figures = {figure.key: figure.value(columns) for figure in experiment.figures()}
    assert figures["negative_auc"] == pytest.approx(0.72)  # in percent 72.0; 64.0 without the point at 0
    assert figures["positive_auc"] == pytest.approx(0.72)
    assert figures["overall"] == pytest.approx(0)
    assert figures["correct"] == pytest.approx(0.8)


def test_measure_equals_the_literal_loop(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    maps = torch.randn(6, 32, 32, generator=torch.Generator().manual_seed(5)).mul(3).round()  # full of ties
    labels = [0, 1, 2, 3, 4, 2]
    scorer = Scorer(tiny_classifier, batch_size=7)
    explained = explained_of(tiny_classifier, tiny_images, maps, [0] * 6, labels=labels, scorer=scorer)
    measured = Perturbation(TINY).measure(explained)
    changes = 0
    for number, label in enumerate(labels):
        saliency, image = maps[number].numpy(), tiny_images[number].numpy()
        for name, order in (
            ("positive", literal.order_of(saliency)),
            ("negative", literal.order_of(-saliency)),
        ):
            expected = literal_curve(tiny_classifier, image, order, label, TINY.shares)
            assert measured.curves[name][number].tolist() == expected
            area = sum(0.1 * (left + right) / 2 for left, right in pairwise(expected))
            assert measured.scalars[f"{name}_auc"][number] == pytest.approx(area)
            changes += len(set(expected)) - 1
    assert changes > 0  # some curve does move


def test_images_without_a_label_are_nan_and_cost_nothing(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    done: list[int] = []
    scorer = Scorer(tiny_classifier, on_batch=done.append)
    labels = [0, -1, 2, -1, -1, 1]
    explained = explained_of(
        tiny_classifier, tiny_images, tiny_images.sum(1), [0] * 6, labels=labels, scorer=scorer
    )
    experiment = Perturbation(TINY)
    columns = columns_of(explained, experiment.measure(explained))
    assert sum(done) == 3 * 19
    unknown = [label < 0 for label in labels]
    for values in (*columns.scalars.values(), *(curve.sum(1) for curve in columns.curves.values())):
        assert np.isnan(values).tolist() == unknown
    known = columns.rows(~np.array(unknown))
    for figure in experiment.figures():
        assert figure.value(columns) == figure.value(known)
    nothing = explained_of(tiny_classifier, tiny_images, tiny_images.sum(1), [0] * 6, scorer=scorer)
    assert np.isnan(experiment.measure(nothing).curves["positive"]).all()
    assert sum(done) == 3 * 19


def test_parts_make_the_whole(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(2))
    maps[3] = 0
    explained = explained_of(tiny_classifier, tiny_images, maps, [0] * 6, labels=[0, 1, -1, 3, 4, 2])
    columns = assert_parts_make_the_whole(Perturbation(TINY), explained)
    # A map without any order: both directions go by the raster and tell nothing apart.
    assert columns.curves["positive"][3].tolist() == columns.curves["negative"][3].tolist()
    assert columns.scalars["overall"][3] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "method", "parameters"),
    [("squeezenet1_1", "grad_cam", {"layer": "features.12"}), ("deit_tiny_patch16_224", "raw_attention", {})],
)
def test_photographs_equal_the_literal_loop(
    shared_data: Path, architecture: str, method: str, parameters: dict[str, str]
) -> None:
    classifier = load_classifier(
        architecture, weights=shared_data / "weights" / f"{architecture}.safetensors"
    )
    photographs = sorted((shared_data / "imagenet-samples").glob("*/*"))[0:90:45]
    images = torch.stack([classifier.preprocessing.prepare(read_image(path)) for path in photographs])
    labels = [class_index_of(path.parent.name, classifier) for path in photographs]
    targets, _ = classifier.predict(images)
    maps = create_method(method, classifier, **parameters).explain(images, targets).maps
    explained = explained_of(classifier, images, maps, targets, labels=labels)
    measured = create_experiment("perturbation", "chefer@1").measure(explained)
    for number, label in enumerate(labels):
        saliency, image = maps[number].numpy(), images[number].numpy()
        for name, order in (
            ("positive", literal.order_of(saliency)),
            ("negative", literal.order_of(-saliency)),
        ):
            expected = literal_curve(
                classifier, image, order, label, protocol("perturbation", "chefer@1").shares
            )
            assert measured.curves[name][number].tolist() == expected
    assert measured.scalars["overall"].sum() > 0  # maps that say something
