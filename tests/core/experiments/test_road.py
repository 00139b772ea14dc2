from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import protocol
from saliency_core.experiments.road import Road, RoadProtocol
from saliency_core.scoring.scorer import Scorer
from tests.core import literal
from tests.core.experiments.explained import explained_of
from tests.core.experiments.splitting import assert_parts_make_the_whole, columns_of, part_of
from tests.core.test_imputation import literally_imputed

TINY = RoadProtocol(name="tiny@1", summary="for tests", source="none", size=32)
SMOOTH = RoadProtocol(name="smooth@1", summary="for tests", source="none", size=32, noise=0.0)


def test_protocol() -> None:
    road = protocol("road", "road@1")
    assert road.to_dict()["shares"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9]
    assert (road.to_dict()["noise"], road.ground_truth, road.target_rule) == (0.01, (), "predicted")
    assert Road.forwards_per_image(road) == 15


def test_measure_equals_the_literal_loop(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    images = (
        torch.nn.functional.avg_pool2d(tiny_images[:3], 5, stride=1, padding=2) * 3
    )  # something to fill in
    maps = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(5)).mul(3).round()  # full of ties
    targets, labels = [0, 1, 2], [0, 4, -1]
    done: list[int] = []
    scorer = Scorer(tiny_classifier, batch_size=8, on_batch=done.append)
    explained = explained_of(tiny_classifier, images, maps, targets, labels=labels, scorer=scorer)
    measured = Road(SMOOTH).measure(explained)
    assert sum(done) == 3 * 15
    for number, (target, label) in enumerate(zip(targets, labels, strict=True)):
        image, saliency = images[number].double().numpy(), maps[number].numpy()
        means = {}
        for key, order in (("morf", literal.order_of(saliency)), ("lerf", literal.order_of(-saliency))):
            probabilities, correct = [], []
            for share in (0.0, *SMOOTH.shares):
                removed = np.zeros((32, 32), dtype=bool)
                removed.reshape(-1)[order[: int(1024 * share)]] = True
                copy = literally_imputed(image, removed)
                every = [literal.probability(tiny_classifier.model, copy, number) for number in range(5)]
                probabilities.append(every[target])
                correct.append(float(np.argmax(every) == label) if label >= 0 else np.nan)
            np.testing.assert_allclose(measured.curves[key][number], probabilities, atol=3e-4)
            np.testing.assert_array_equal(measured.curves[f"{key}_accuracy"][number], correct)
            means[key] = np.mean(probabilities[1:])
            assert measured.scalars[key][number] == pytest.approx(means[key], abs=3e-4)
            np.testing.assert_allclose(
                measured.scalars[f"{key}_accuracy"][number], np.mean(correct[1:]), atol=1e-6
            )
        assert measured.scalars["probability"][number] == pytest.approx(probabilities[0], abs=1e-5)
        assert measured.scalars["overall"][number] == pytest.approx(means["lerf"] - means["morf"], abs=5e-4)
    assert np.ptp(measured.curves["morf"], axis=1).min() > 0.005  # the curves do move


def test_parts_make_the_whole(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(2))
    maps[3] = 0
    explained = explained_of(
        tiny_classifier, tiny_images, maps, [0, 1, 2, 3, 4, 0], labels=[0, 1, -1, 3, 4, 2]
    )
    columns = assert_parts_make_the_whole(Road(TINY), explained, rounding=1e-6)
    # A map without any order: both directions go by the raster, with the same noise.
    np.testing.assert_allclose(columns.curves["morf"][3], columns.curves["lerf"][3], rtol=0, atol=1e-6)


def test_imputed_copies_do_not_depend_on_the_batch_at_all(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    seen: list[torch.Tensor] = []
    tiny_classifier.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    maps = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(2))
    explained = explained_of(
        tiny_classifier, tiny_images, maps, [0] * 6, scorer=Scorer(tiny_classifier, batch_size=15)
    )
    for part in ([0, 1, 2, 3, 4, 5], [4, 2], [2]):
        seen.clear()
        Road(TINY).measure(part_of(explained, part))
        assert len(seen) == len(part)
        if len(part) == 6:
            whole = list(seen)
        for number, pictures in zip(part, seen, strict=True):
            assert torch.equal(pictures, whole[number])


def test_noise_is_that_of_the_identifier_and_only_where_pixels_are_removed(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    seen: list[torch.Tensor] = []
    tiny_classifier.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    maps = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(2))
    pictures = {}
    for name, number, protocol_ in (
        ("same", 4, TINY),
        ("again", 4, TINY),
        ("other", 5, TINY),
        ("none", 4, SMOOTH),
    ):
        seen.clear()
        explained = explained_of(tiny_classifier, tiny_images[:1], maps, [0], indices=[number])
        Road(protocol_).measure(explained)
        pictures[name] = torch.cat(seen)[:15]
    assert torch.equal(pictures["same"], pictures["again"])
    assert not torch.equal(pictures["same"], pictures["other"])
    std = torch.tensor(tiny_classifier.preprocessing.std)[:, None, None]
    noise = (pictures["same"] - pictures["none"]) * std
    removed = noise.abs().amax(1) > 0
    assert removed.sum((1, 2)).tolist() == [0, *[102, 204, 307, 409, 512, 716, 921] * 2]
    ranked = maps[0].flatten().argsort(descending=True)
    assert set(ranked[:102].tolist()) == set(removed[1].flatten().nonzero()[:, 0].tolist())
    assert set(ranked[-102:].tolist()) == set(removed[8].flatten().nonzero()[:, 0].tolist())
    assert noise[7][:, removed[7]].std() == pytest.approx(0.01, rel=0.05)
    # Stated once more: any library can make the same noise out of the identifier.
    seed = int.from_bytes(hashlib.sha256(b"4.png").digest()[:7], "big")
    expected = torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 0.01
    torch.testing.assert_close(noise[7][:, removed[7]], expected[:, removed[7]], atol=1e-6, rtol=0)


def test_figures_without_labels(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    explained = explained_of(tiny_classifier, tiny_images[:2], tiny_images[:2].sum(1), [0, 1])
    experiment = Road(TINY)
    columns = columns_of(explained, experiment.measure(explained))
    figures = {figure.key: figure.value(columns) for figure in experiment.figures()}
    assert np.isnan(figures["morf_accuracy"])
    assert np.isnan(figures["lerf_accuracy"])
    assert figures["overall"] == pytest.approx(figures["lerf"] - figures["morf"])
    assert figures["lerf"] == pytest.approx(columns.curves["lerf"][:, 1:].mean())
