from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Annotations, open_dataset
from saliency_core.errors import DatasetError
from saliency_core.experiments.base import Measurement, create_experiment, protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.ground_truth import Truth
from saliency_core.experiments.runner import run_benchmark
from saliency_core.experiments.segmentation import Segmentation, SegmentationProtocol
from saliency_core.experiments.segmentation_counts import (
    Counts,
    Ranking,
    above_mean,
    micro_average_precision,
    row_f1,
    stretched,
)
from saliency_core.output.comparison import compare, marks_note, significance_marks
from saliency_core.scoring.scorer import Scorer
from tests.core.experiments.explained import explained_of
from tests.core.output.factory import result

SIZE = 8
VECTOR = np.array([[0.9, 0.2], [0.6, 0.1]], dtype=np.float32)
VECTOR_MASK = np.array([[1, 0], [0, 0]], dtype=np.bool_)


def experiment(name: str = "chefer@1", **changes: Any) -> Segmentation:
    chosen = protocol("segmentation", name)
    assert isinstance(chosen, SegmentationProtocol)
    return Segmentation(replace(chosen, size=SIZE, **changes))


def truth_of(mask: np.ndarray, size: int = SIZE, **rest: Any) -> Truth:
    height, width = mask.shape
    return Truth(Annotations(width, height, object_mask=mask, **rest), Preprocessing(size=size))


def measured(
    classifier: Classifier,
    maps: torch.Tensor,
    truths: list[Truth],
    used: Segmentation | None = None,
    labels: list[str | None] | None = None,
) -> Measurement:
    images = torch.zeros(len(maps), 3, *maps.shape[1:])
    explained = explained_of(classifier, images, maps, [0] * len(maps), truths=truths, unit_labels=labels)
    return (used or experiment()).measure(explained)


def columns_of(measurement: Measurement) -> Columns:
    count = len(measurement.scalars["pixels"])
    return Columns(
        indices=np.arange(count),
        images=[str(number) for number in range(count)],
        scalars=dict(measurement.scalars),
        curves=dict(measurement.curves),
    )


def values_of(columns: Columns) -> dict[str, float]:
    return {figure.key: figure.value(columns) for figure in experiment().figures()}


def test_the_two_by_two_vector() -> None:
    assert micro_average_precision(VECTOR, VECTOR_MASK) == pytest.approx(0.95)
    assert VECTOR.mean() == pytest.approx(0.45)
    predicted = above_mean(VECTOR, (2, 2))
    assert predicted.tolist() == [[True, False], [True, False]]
    counts = Counts.of(predicted, VECTOR_MASK)
    assert (counts.correct, counts.pixels) == (3, 4)
    assert (counts.background_intersection, counts.both) == (2, 1)
    assert (counts.background_union, counts.foreground_union) == (3, 2)


def test_the_vector_through_the_experiment(tiny_classifier: Classifier) -> None:
    # Every pixel four times four times; ratios stay, and stretching to [0, 1] keeps order and mean.
    maps = torch.from_numpy(np.kron(VECTOR, np.ones((4, 4), dtype=np.float32)))[None]
    values = values_of(columns_of(measured(tiny_classifier, maps, [truth_of(VECTOR_MASK)])))
    assert values["pixel_accuracy"] == pytest.approx(3 / 4)
    assert values["mean_iou"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert round(values["mean_iou"], 4) == 0.5833
    assert values["average_precision"] == pytest.approx(0.95)
    assert values["foreground_iou"] == values["foreground_iou_pooled"] == pytest.approx(1 / 2)
    assert values["f1"] == pytest.approx(2 / 3)
    # In the upper rows prediction and object are the left half, F1 1; in the lower ones there is no object.
    assert values["f1_rows_official"] == pytest.approx(1 / 2)


def test_average_precision_of_small_rankings() -> None:
    # All in the right order: 1. All in the wrong order, two pixels: negatives first, then P = 1/3 and 2/4.
    right = np.array([[1.0, 0.0]], dtype=np.float32)
    assert micro_average_precision(right, np.array([[True, False]])) == 1.0
    # Scores: background (0, 1), foreground (1, 0); both ones are wrong and tie, both zeros are right and tie.
    assert micro_average_precision(right, np.array([[False, True]])) == pytest.approx(0.5)
    halves = np.array([[0.75, 0.25]], dtype=np.float32)
    assert micro_average_precision(halves, np.array([[False, True]])) == pytest.approx(0.5)
    assert micro_average_precision(None, np.array([[False, True]])) == 0.5


def _random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = random.random((16, 16)) if seed % 2 else random.integers(0, 6, (16, 16))  # with ties
    values = values + 0.0
    values[0, 0], values[0, 1] = values.min() - 0.01, values.max() + 0.01
    mask = random.random((16, 16)) < random.random()
    return values.astype(np.float32), mask


@pytest.mark.parametrize("seed", range(8))
def test_average_precision_equals_the_definition(seed: int) -> None:
    values, mask = _random_case(seed)
    saliency = stretched(values)
    assert saliency is not None
    scores = np.concatenate([1 - saliency.ravel(), saliency.ravel()])
    positive = np.concatenate([~mask.ravel(), mask.ravel()])
    expected, recall = 0.0, 0.0
    for score in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= score
        found = (positive & chosen).sum()
        expected += (found / positive.sum() - recall) * found / chosen.sum()
        recall = found / positive.sum()
    assert micro_average_precision(saliency, mask) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_average_precision_and_f1_equal_scikit_learn(seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    values, mask = _random_case(seed)
    saliency = stretched(values)
    assert saliency is not None
    scores = np.concatenate([1 - saliency.ravel(), saliency.ravel()])
    positive = np.concatenate([~mask.ravel(), mask.ravel()])
    expected = metrics.average_precision_score(positive, scores)
    assert micro_average_precision(saliency, mask) == pytest.approx(expected, abs=1e-12)
    predicted = above_mean(saliency, mask.shape)
    assert Counts.of(predicted, mask).f1 == pytest.approx(metrics.f1_score(mask.ravel(), predicted.ravel()))
    rows = [
        metrics.f1_score(actual, marked, zero_division=0)
        for actual, marked in zip(mask, predicted, strict=True)
    ]
    assert row_f1(predicted, mask) == pytest.approx(np.mean(rows))


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_a_loop_over_pixels(seed: int) -> None:
    values, mask = _random_case(seed)
    predicted = above_mean(stretched(values), mask.shape)
    mean = sum(float(value) for value in values.ravel()) / values.size
    tally = {(marked, actual): 0 for marked in (False, True) for actual in (False, True)}
    for value, actual in zip(values.ravel(), mask.ravel(), strict=True):
        tally[float(value) > mean, bool(actual)] += 1
    counts = Counts.of(predicted, mask)
    assert counts.both == tally[True, True]
    assert counts.background_intersection == tally[False, False]
    assert counts.correct == tally[True, True] + tally[False, False]
    assert counts.foreground_union == 256 - tally[False, False]
    assert counts.background_union == 256 - tally[True, True]


@pytest.mark.parametrize("seed", range(4))
def test_sweeps_equal_masks_made_one_by_one(seed: int) -> None:
    values, mask = _random_case(seed)
    saliency = stretched(values)
    assert saliency is not None
    ranking = Ranking(saliency, mask)
    thresholds, shares = (0.0, 0.2, 0.5, 0.8, 1.0), (0.05, 0.3, 0.5, 1.0)
    flat = saliency.ravel()
    order = sorted(range(256), key=lambda place: (-flat[place], place))
    for threshold, iou in zip(thresholds, ranking.iou_above(thresholds), strict=True):
        chosen = saliency.astype(float) > threshold
        assert iou == pytest.approx((chosen & mask).sum() / (chosen | mask).sum())
    for share, count, iou in zip(shares, (13, 77, 128, 256), ranking.iou_of_top(shares), strict=True):
        chosen = np.zeros(256, dtype=np.bool_)
        chosen[order[:count]] = True
        assert (share, iou) == (
            share,
            pytest.approx((chosen & mask.ravel()).sum() / (chosen | mask.ravel()).sum()),
        )


def test_a_constant_map_is_background(tiny_classifier: Classifier) -> None:
    mask = np.zeros((SIZE, SIZE), dtype=np.bool_)
    mask[:2] = True
    maps = torch.zeros(2, SIZE, SIZE)
    maps[1, 0, 0] = float("nan")
    measurement = measured(tiny_classifier, maps, [truth_of(mask), truth_of(mask)])
    scalars = measurement.scalars
    assert scalars["correct"].tolist() == [48, 48]
    assert scalars["foreground_intersection"].tolist() == [0, 0]
    assert scalars["background_union"].tolist() == [64, 64]
    assert scalars["average_precision"].tolist() == [0.5, 0.5]
    assert scalars["f1"].tolist() == scalars["f1_rows_official"].tolist() == [0.0, 0.0]
    assert not measurement.curves["threshold_iou"].any() and not measurement.curves["top_share_iou"].any()


def test_an_image_without_object_and_foreground_counts_nought(tiny_classifier: Classifier) -> None:
    empty = truth_of(np.zeros((SIZE, SIZE), dtype=np.bool_))
    values = values_of(columns_of(measured(tiny_classifier, torch.zeros(1, SIZE, SIZE), [empty])))
    assert (values["f1"], values["foreground_iou"], values["pixel_accuracy"]) == (0.0, 0.0, 1.0)
    assert values["mean_iou"] == 0.5  # as in the official script: the absent foreground counts 0
    assert np.isnan(values["foreground_iou_pooled"])


def _several(classifier: Classifier) -> tuple[torch.Tensor, list[Truth]]:
    maps = torch.rand(9, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    random = np.random.default_rng(2)
    sizes = random.integers(5, 30, (9, 2))
    return maps, [truth_of(random.random((height, width)) < 0.3) for height, width in sizes]


def test_figures_are_accumulated_over_the_data_set(tiny_classifier: Classifier) -> None:
    maps, truths = _several(tiny_classifier)
    columns = columns_of(measured(tiny_classifier, maps, truths))
    correct = pixels = 0
    inter, union = np.zeros(2), np.zeros(2)
    for saliency, truth in zip(maps.numpy().astype(float), truths, strict=True):
        assert truth.annotations.object_mask is not None
        mask = truth.framed(truth.annotations.object_mask)
        predicted = saliency > saliency.mean()
        correct += (predicted == mask).sum()
        pixels += mask.size
        inter += [(~predicted & ~mask).sum(), (predicted & mask).sum()]
        union += [(~predicted | ~mask).sum(), (predicted | mask).sum()]
    values = values_of(columns)
    assert values["pixel_accuracy"] == pytest.approx(correct / pixels)
    assert values["mean_iou"] == pytest.approx((inter / union).mean())
    assert values["foreground_iou_pooled"] == pytest.approx(inter[1] / union[1])
    per_image = [np.mean([values_of(columns.rows(np.array([number])))["mean_iou"]]) for number in range(9)]
    assert abs(values["mean_iou"] - np.mean(per_image)) > 1e-4  # it is not the mean over images


def test_the_best_cut_is_one_for_all_images(tiny_classifier: Classifier) -> None:
    used = experiment(thresholds=(0.25, 0.5, 0.75))
    columns = Columns(
        indices=np.arange(2),
        images=["a", "b"],
        scalars={},
        curves={
            "threshold_iou": np.array([[0.5, 0.25, 0.75], [0.5, 0.5, 0.0]], dtype=np.float32),
            "top_share_iou": np.tile(np.arange(19, dtype=np.float32) / 32, (2, 1)),
        },
    )
    values = {figure.key: figure.value(columns) for figure in used.figures() if figure.key.startswith("best")}
    assert values == {
        "best_threshold_iou": 0.5,  # the means are 0.5, 0.375 and 0.375
        "best_threshold": 0.25,
        "best_top_share_iou": 18 / 32,
        "best_top_share": 0.95,
    }
    assert next(curve.positions(columns) for curve in used.curves()) == [0.25, 0.5, 0.75]
    maps, truths = _several(tiny_classifier)
    without = replace(columns_of(measured(tiny_classifier, maps, truths)), curves={})
    assert np.isnan(values_of(without)["best_threshold"])
    assert not np.isnan(values_of(without)["mean_iou"])


def test_the_best_cut_of_all_images_is_not_compared_image_by_image() -> None:
    """Each image's own best threshold, of which the second method has the better ones, is not what the figure is of."""
    used = experiment(thresholds=tuple(number / 10 for number in range(10)))
    one_good, scattered = np.zeros((10, 10)), np.full((10, 10), 0.1)
    one_good[:, 3] = 0.5
    np.fill_diagonal(scattered, 0.6)
    results = [
        result(title=title, experiment=used, measured=curves_of(curve))
        for title, curve in (("one", one_good), ("scattered", scattered), ("same", scattered))
    ]
    (figure,) = compare(results, ["best_threshold_iou"], reference=1, resamples=200).figures
    difference = figure.pairs[0].difference
    assert difference.value == pytest.approx(0.5 - (0.6 + 9 * 0.1) / 10)
    assert (difference.p_wilcoxon, difference.rank_biserial, difference.losses) == (None, None, 0)
    assert difference.p_bootstrap == pytest.approx(2 / 201)
    assert figure.ranking is None
    marks = significance_marks(
        compare(results, ["best_threshold_iou"], reference="scattered", resamples=2000)
    )
    assert marks == {(0, "best_threshold_iou"): "**"}
    note = marks_note(compare(results, ["best_threshold_iou"], reference="scattered", resamples=200))
    assert "(bootstrap over images, Holm's correction)" in note


def curves_of(curve: npt.NDArray[np.float64]) -> Columns:
    return Columns(
        indices=np.arange(len(curve)),
        images=[f"{number}.png" for number in range(len(curve))],
        curves={"threshold_iou": curve.astype(np.float32)},
    )


def test_parts_merge_to_the_whole_and_batch_equals_single(tiny_classifier: Classifier) -> None:
    maps, truths = _several(tiny_classifier)
    whole = columns_of(measured(tiny_classifier, maps, truths))
    singles = []
    for number in (4, 0, 8, 2, 1, 3, 7, 6, 5):
        alone = columns_of(measured(tiny_classifier, maps[number : number + 1], [truths[number]]))
        singles.append(replace(alone, indices=np.array([number]), images=[str(number)]))
    merged = Columns.merge([Columns.merge(singles[:2]), Columns.merge(singles[2:7]), *singles[7:]])
    assert values_of(merged) == values_of(whole)
    for name, values in whole.scalars.items():
        np.testing.assert_array_equal(merged.scalars[name], values)
    for name, values in whole.curves.items():
        np.testing.assert_array_equal(merged.curves[name], values)
    assert all(np.isnan(value) for value in values_of(Columns()).values())


def test_masks_of_a_class_or_of_all(tiny_classifier: Classifier) -> None:
    dog, cat = np.zeros((SIZE, SIZE), dtype=np.bool_), np.zeros((SIZE, SIZE), dtype=np.bool_)
    dog[0], cat[1] = True, True
    truth = truth_of(dog, masks={"dog": dog, "cat": cat})
    maps = torch.zeros(1, SIZE, SIZE)
    maps[0, 1] = 1
    by_class = experiment("class-masks@1")
    assert by_class.accepts(truth, "cat") and not by_class.accepts(truth, "cow")
    cat_scalars = measured(tiny_classifier, maps, [truth], by_class, ["cat"]).scalars
    assert cat_scalars["foreground_iou"].tolist() == [1.0]
    assert cat_scalars["annotated_class"].tolist() == ["cat"]
    assert measured(tiny_classifier, maps, [truth], by_class, ["dog"]).scalars["foreground_iou"].tolist() == [
        0.0
    ]
    every = measured(tiny_classifier, maps, [truth], experiment("all-objects@1")).scalars
    assert every["foreground_iou"].tolist() == [0.5]
    with pytest.raises(DatasetError, match="no mask of its objects"):
        bare = Truth(Annotations(SIZE, SIZE), Preprocessing(size=SIZE))
        measured(tiny_classifier, maps, [bare])


@pytest.mark.slow
def test_photographs_with_object_masks(shared_data: Path) -> None:
    """Grad-CAM of SqueezeNet finds more of the objects of ECSSD than a random map does, split or not."""
    dataset = open_dataset("masked-folder", shared_data / "ecssd-200")
    classifier = load_classifier(
        "squeezenet1_1", weights=shared_data / "weights" / "squeezenet1_1.safetensors"
    )
    used = create_experiment("segmentation", "chefer@1")

    def run(method: str, indices: Sequence[int]) -> Columns:
        chosen = create_method(method, classifier)
        (columns,) = run_benchmark(classifier, dataset, indices, chosen, [used], Scorer(classifier))
        return columns

    whole = run("grad_cam", range(6))
    assert whole.failures == []
    right, random = values_of(whole), values_of(run("random_map", range(6)))
    for key in ("pixel_accuracy", "mean_iou", "average_precision", "f1", "best_threshold_iou"):
        assert right[key] > random[key] + 0.1, key
    assert values_of(Columns.merge([run("grad_cam", [5, 1]), run("grad_cam", [0, 2, 3, 4])])) == right
    metrics = pytest.importorskip("sklearn.metrics")
    # One of the photographs in full, against scikit-learn's ranking of all 100,352 scores.
    preprocessing = classifier.preprocessing.with_pipeline("squash", 224)
    images = preprocessing.prepare(dataset.image(0))[None]
    maps = create_method("grad_cam", classifier).explain(images, classifier.predict(images)[0]).maps
    saliency = stretched(maps[0].numpy())
    annotations = dataset.annotations(0)
    assert saliency is not None and annotations.object_mask is not None
    mask = Truth(annotations, preprocessing).framed(annotations.object_mask)
    expected = metrics.average_precision_score(
        np.concatenate([~mask.ravel(), mask.ravel()]),
        np.concatenate([1 - saliency.ravel(), saliency.ravel()]),
    )
    assert micro_average_precision(saliency, mask) == pytest.approx(expected, abs=1e-12)
    assert whole.scalars["average_precision"][0] == pytest.approx(expected, abs=1e-6)
