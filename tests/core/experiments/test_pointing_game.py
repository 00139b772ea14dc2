from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from saliency_core import create_method, load_classifier
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Annotations, Box, open_dataset
from saliency_core.datasets.mapping import ClassMapping
from saliency_core.errors import DatasetError, ParameterError
from saliency_core.experiments.base import Measurement, create_experiment, protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.figures import Figure
from saliency_core.experiments.ground_truth import Truth
from saliency_core.experiments.per_class import per_class
from saliency_core.experiments.pointing import highest_points, hits
from saliency_core.experiments.pointing_game import PointingGame, PointingGameProtocol
from saliency_core.experiments.runner import run_benchmark
from saliency_core.scoring.scorer import Scorer
from saliency_core.statistics import tables
from saliency_core.statistics.intervals import Interval, figure_interval
from tests.core.experiments.explained import explained_of

SIZE = 20
SQUASH = Preprocessing(size=SIZE)


def game(name: str = "thesis@1", **changes: Any) -> PointingGame:
    chosen = protocol("pointing_game", name)
    assert isinstance(chosen, PointingGameProtocol)
    return PointingGame(replace(chosen, size=SIZE, **changes))


def truth_of(*boxes: Box, width: int = SIZE, height: int = SIZE, **rest: Any) -> Truth:
    return Truth(Annotations(width, height, boxes, **rest), SQUASH)


def measured(
    classifier: Classifier,
    experiment: PointingGame,
    maps: torch.Tensor,
    truths: list[Truth],
    labels: list[str],
) -> Measurement:
    images = torch.zeros(len(maps), 3, *maps.shape[1:])
    explained = explained_of(classifier, images, maps, [0] * len(maps), truths=truths, unit_labels=[*labels])
    return experiment.measure(explained)


def columns_of(classes: list[str], hit: list[int], missed: list[int], difficult: list[float]) -> Columns:
    return Columns(
        indices=np.arange(len(classes)),
        images=[f"{number}.png" for number in range(len(classes))],
        scalars={
            "annotated_class": np.array(classes, dtype=np.str_),
            "hits": np.array(hit),
            "misses": np.array(missed),
            "difficult": np.array(difficult),
        },
    )


def values_of(experiment: PointingGame, columns: Columns) -> dict[str, float]:
    return {figure.key: figure.value(columns) for figure in experiment.figures()}


def test_a_pixel_at_distance_14_is_hit_and_one_at_15_is_missed() -> None:
    region = np.zeros((60, 60), dtype=np.bool_)
    region[30, 30] = True
    points = np.array([[30, 44], [30, 45], [15, 30], [16, 30], [21, 18], [20, 19]], dtype=np.float64)
    # (9, 12) apart is exactly 15; (10, 11) is √221 < 15.
    assert hits(points, region, 15).tolist() == [True, False, False, True, False, True]
    assert hits(np.array([[30.0, 30.0], [30.0, 31.0]]), region, 0).tolist() == [True, False]


def test_near_hits_equal_the_whole_plane_searched() -> None:
    random = np.random.default_rng(4)
    for _ in range(40):
        region = random.random((31, 47)) < 0.002
        points = random.random((6, 2)) * (31, 47)
        rows, columns = np.mgrid[:31, :47]
        literal = [bool((region & ((rows - v) ** 2 + (columns - u) ** 2 < 36)).any()) for v, u in points]
        assert hits(points, region, 6).tolist() == literal


def test_the_highest_points_are_those_of_a_stable_sort() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 30, 99, 100, 150):
        values = random.integers(0, 7, (10, 10)).astype(np.float32)
        order = sorted(range(100), key=lambda place: (-values.ravel()[place], place))[:count]
        expected = {(place // 10, place % 10) for place in order}
        assert {(int(row), int(column)) for row, column in highest_points(values, count)} == expected


def test_every_point_counts_on_its_own(tiny_classifier: Classifier) -> None:
    # The 100 highest points are the five upper rows; the box covers 12 of their pixels.
    maps = torch.arange(SIZE * SIZE, 0, -1.0).reshape(1, SIZE, SIZE)
    truth = truth_of(Box("dog", 4, 2, 8, 9))
    thesis = measured(tiny_classifier, game(), maps, [truth], ["dog"]).scalars
    # rows 2, 3, 4 of columns 4 … 7
    assert (thesis["hits"].tolist(), thesis["misses"].tolist()) == ([12], [88])
    any_point = measured(tiny_classifier, game("thesis-any@1"), maps, [truth], ["dog"]).scalars
    assert (any_point["hits"].tolist(), any_point["misses"].tolist()) == ([1], [0])
    majority = measured(tiny_classifier, game("thesis-majority@1"), maps, [truth], ["dog"]).scalars
    assert (majority["hits"].tolist(), majority["misses"].tolist()) == ([0], [1])


@pytest.mark.parametrize(("right", "hit"), [(10, 0), (11, 1)])
def test_a_majority_is_more_than_half(tiny_classifier: Classifier, right: int, hit: int) -> None:
    maps = torch.arange(SIZE * SIZE, 0, -1.0).reshape(1, SIZE, SIZE)
    truth = truth_of(Box("dog", 0, 0, right, 5))  # 50 or 55 of the 100 points
    majority = measured(tiny_classifier, game("thesis-majority@1"), maps, [truth], ["dog"]).scalars
    assert (majority["hits"].tolist(), majority["misses"].tolist()) == ([hit], [1 - hit])


def test_boxes_of_a_class_are_united_and_scaled_to_the_map(tiny_classifier: Classifier) -> None:
    # 40 × 10 pixels, squashed to 20 × 20: x halves, y doubles. Two overlapping boxes and one of another class.
    boxes = (Box("dog", 0, 0, 8, 2), Box("dog", 4, 0, 12, 2), Box("cat", 0, 0, 40, 10))
    maps = torch.arange(SIZE * SIZE, 0, -1.0).reshape(1, SIZE, SIZE).repeat(2, 1, 1)
    truth = truth_of(*boxes, width=40, height=10)
    scalars = measured(tiny_classifier, game(), maps, [truth, truth], ["dog", "cat"]).scalars
    assert scalars["hits"].tolist() == [6 * 4, 100]  # columns 0 … 5 of rows 0 … 3
    assert scalars["annotated_class"].tolist() == ["dog", "cat"]


def test_a_constant_map_misses(tiny_classifier: Classifier) -> None:
    everywhere = truth_of(Box("dog", 0, 0, SIZE, SIZE))
    maps = torch.full((1, SIZE, SIZE), 0.5)
    for name, misses in (("thesis@1", 100), ("thesis-any@1", 1), ("thesis-majority@1", 1), ("torchray@1", 1)):
        scalars = measured(tiny_classifier, game(name), maps, [everywhere], ["dog"]).scalars
        assert (scalars["hits"].tolist(), scalars["misses"].tolist()) == ([0], [misses])


def test_thesis_counts_equal_a_literal_loop(tiny_classifier: Classifier) -> None:
    random = np.random.default_rng(7)
    maps = torch.from_numpy(random.integers(0, 9, (5, SIZE, SIZE)).astype(np.float32))  # full of ties
    truths, expected = [], []
    for saliency in maps.numpy():
        width, height = (int(side) for side in random.integers(15, 90, 2))
        corners = np.sort(random.random((2, 2)), axis=0) * (width, height)
        truths.append(truth_of(Box("dog", *corners.ravel()), width=width, height=height))
        places = sorted(range(SIZE * SIZE), key=lambda place: (-saliency.ravel()[place], place))[:100]
        inside = 0
        for place in places:
            x, y = (place % SIZE + 0.5) * width / SIZE, (place // SIZE + 0.5) * height / SIZE
            inside += corners[0, 0] <= x < corners[1, 0] and corners[0, 1] <= y < corners[1, 1]
        expected.append(inside)
    scalars = measured(tiny_classifier, game(), maps, truths, ["dog"] * 5).scalars
    assert scalars["hits"].tolist() == expected
    assert 0 < sum(expected) < 500


def _literal_peak(saliency: np.ndarray, width: int, height: int) -> tuple[int, int]:
    """(x, y) of the highest pixel after bilinear scaling with half-pixel centres, pixel by pixel."""
    size = saliency.shape[0]
    best, place = -np.inf, (0, 0)
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * size / height - 0.5, 0), size - 1)
            u = min(max((x + 0.5) * size / width - 0.5, 0), size - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, size - 1), min(left + 1, size - 1)
            upper = saliency[top, left] * (1 - u + left) + saliency[top, right] * (u - left)
            lower = saliency[bottom, left] * (1 - u + left) + saliency[bottom, right] * (u - left)
            value = upper * (1 - v + top) + lower * (v - top)
            if value > best + 1e-6:
                best, place = value, (x, y)
    return place


def test_torchray_looks_at_the_peak_at_the_images_own_size(tiny_classifier: Classifier) -> None:
    random = np.random.default_rng(11)
    maps = torch.from_numpy(random.random((12, SIZE, SIZE)).astype(np.float32))
    truths, expected = [], []
    for saliency in maps.numpy():
        width, height = (int(side) for side in random.integers(50, 80, 2))
        left, top = int(random.integers(0, width - 9)), int(random.integers(0, height - 9))
        truths.append(truth_of(Box("dog", left, top, left + 9, top + 9), width=width, height=height))
        x, y = _literal_peak(saliency, width, height)
        box = [(u, v) for u in range(left, left + 9) for v in range(top, top + 9)]
        expected.append(int(any((u - x) ** 2 + (v - y) ** 2 < 225 for u, v in box)))
    together = measured(tiny_classifier, game("torchray@1"), maps, truths, ["dog"] * 12).scalars
    assert together["hits"].tolist() == expected
    assert together["misses"].tolist() == [1 - hit for hit in expected]
    assert 2 < sum(expected) < 10
    for number in range(12):
        one = slice(number, number + 1)
        alone = measured(tiny_classifier, game("torchray@1"), maps[one], truths[one], ["dog"]).scalars
        assert alone["hits"].tolist() == [expected[number]]


def test_torchray_masks_takes_the_mask_and_not_the_box(tiny_classifier: Classifier) -> None:
    mask = np.zeros((100, 100), dtype=np.bool_)
    mask[90:, 90:] = True
    truth = truth_of(Box("dog", 0, 0, 100, 100), width=100, height=100, masks={"dog": mask})
    maps = torch.zeros(2, SIZE, SIZE)
    maps[0, 2, 2] = 1
    maps[1, 18, 18] = 1
    masks = measured(tiny_classifier, game("torchray-masks@1"), maps, [truth, truth], ["dog", "dog"]).scalars
    boxes = measured(tiny_classifier, game("torchray@1"), maps, [truth, truth], ["dog", "dog"]).scalars
    assert (masks["hits"].tolist(), boxes["hits"].tolist()) == ([0, 1], [1, 1])
    assert game("torchray-masks@1").accepts(truth, "dog")
    assert not game("torchray-masks@1").accepts(truth, "cat")


def test_only_pairs_whose_boxes_are_all_difficult_are_left_out() -> None:
    hard, easy = Box("dog", 0, 0, 5, 5, difficult=True), Box("dog", 5, 5, 9, 9)
    cat = Box("cat", 0, 0, 5, 5, difficult=True)
    truth = truth_of(hard, easy, cat)
    for name in ("thesis@1", "torchray@1"):
        assert [game(name).accepts(truth, label) for label in ("dog", "cat", "cow")] == [True, False, False]
    assert game(skip_difficult=False).accepts(truth, "cat")


def test_the_list_of_difficult_pairs_is_read_and_not_guessed(tiny_classifier: Classifier) -> None:
    box = Box("dog", 0, 0, 5, 5)
    truths = [
        truth_of(box, flags={"difficult": frozenset({"dog"})}),
        truth_of(box, flags={"difficult": frozenset()}),
        truth_of(box),
    ]
    maps = torch.rand(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    difficult = measured(tiny_classifier, game(), maps, truths, ["dog"] * 3).scalars["difficult"]
    np.testing.assert_array_equal(difficult, [1.0, 0.0, np.nan])


def test_every_class_counts_the_same() -> None:
    columns = columns_of(
        ["dog", "cat", "dog", "dog"], [100, 50, 0, 20], [0, 50, 100, 80], [1.0, 0.0, 0.0, np.nan]
    )
    values = values_of(game(), columns)
    assert values["pointing_accuracy"] == pytest.approx((120 / 300 + 50 / 100) / 2)
    assert values["pointing_accuracy_pooled"] == pytest.approx(170 / 400)
    # The listed pair and, as in TorchRay, the image that the list does not name: dogs only.
    assert values["pointing_accuracy_difficult"] == pytest.approx(120 / 200)
    of_four = values_of(game(class_count=4), columns)
    assert of_four["pointing_accuracy"] == pytest.approx((0.4 + 0.5) / 4)


def test_only_images_with_a_listed_pair_count_for_the_difficult_figure() -> None:
    columns = columns_of(["dog"] * 10, [1] * 10, [0] * 10, [1.0] + [0.0] * 9)
    figure = next(each for each in game().figures() if each.key == "pointing_accuracy_difficult")
    interval = tables_interval(figure, columns)
    assert (interval.value, interval.low, interval.high, interval.n) == (1.0, None, None, 1)
    nobody = columns_of(["dog"] * 2, [1] * 2, [0] * 2, [0.0] * 2)
    assert (tables_interval(figure, nobody).value, tables_interval(figure, nobody).n) == (None, 0)


def tables_interval(figure: Figure, columns: Columns) -> Interval:
    return figure_interval(figure.table(columns), figure.combine, columns.indices)


def test_figures_without_a_list_or_without_rows_are_undefined() -> None:
    columns = columns_of(["dog"], [1], [0], [np.nan])
    assert np.isnan(values_of(game(), columns)["pointing_accuracy_difficult"])
    assert all(np.isnan(value) for value in values_of(game(), Columns()).values())
    assert all(np.isnan(value) for value in values_of(game(), columns_of([], [], [], [])).values())


def _many(seed: int) -> Columns:
    random = np.random.default_rng(seed)
    hit = random.integers(0, 101, 60)
    classes = random.choice(list("abcdefg"), 60, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.04, 0.01])
    return replace(
        columns_of(
            classes.tolist(), hit.tolist(), (100 - hit).tolist(), random.choice([0, 1, np.nan], 60).tolist()
        ),
        indices=np.repeat(np.arange(30), 2),
    )


@pytest.mark.parametrize("seed", range(5))
def test_parts_merge_to_the_whole(seed: int) -> None:
    whole = _many(seed)
    random = np.random.default_rng(seed)
    part_of = np.repeat(random.integers(0, 4, 30), 2)
    parts = [whole.rows(part_of == part) for part in random.permutation(4)]
    assert values_of(game(), Columns.merge(parts)) == values_of(game(), whole)


def test_a_wide_table_is_sparse_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = _many(1)
    dense = values_of(game(), columns)
    by_class = per_class(columns, game().figures())
    monkeypatch.setattr(tables, "_DENSE_ELEMENTS", 0)
    table = game().figures()[0].table(columns)
    assert hasattr(table, "tocsr")
    assert values_of(game(), columns) == dense
    assert repr(per_class(columns, game().figures())) == repr(by_class)  # as NaN equals no NaN


def test_class_means_bootstrap() -> None:
    from saliency_core.statistics.intervals import figure_interval

    columns = _many(2)
    figure = game().figures()[0]
    interval = figure_interval(figure.table(columns), figure.combine, columns.indices, resamples=200)
    assert interval.value == pytest.approx(figure.value(columns))
    assert interval.n == 30
    assert interval.low is not None and interval.high is not None
    assert interval.low < interval.value < interval.high


def test_figures_by_class() -> None:
    columns = columns_of(["dog", "cat", "dog"], [1, 0, 0], [0, 1, 1], [np.nan] * 3)
    rows = per_class(columns, game().figures())
    assert [(row.name, row.images, row.rows) for row in rows] == [("cat", 1, 1), ("dog", 2, 2)]
    assert [row.values["pointing_accuracy"] for row in rows] == [0.0, 0.5]
    assert [row.values["pointing_accuracy_pooled"] for row in rows] == [0.0, 0.5]
    assert per_class(Columns(), game().figures()) == []


def test_protocols_say_what_they_do() -> None:
    values = protocol("pointing_game", "torchray@1").to_dict()
    assert (values["points"], values["tolerance"], values["resolution"]) == (1, 15.0, "original")
    assert (values["truth"], values["target_rule"], values["skip_difficult"]) == ("boxes", "annotated", True)
    thesis = create_experiment("pointing_game", "thesis@1").protocol
    assert isinstance(thesis, PointingGameProtocol)
    assert (thesis.points, thesis.counting, thesis.tolerance, thesis.size) == (100, "each", 0.0, 224)
    assert PointingGame.forwards_per_image(thesis) == 0


def test_what_cannot_be_judged_is_refused(tiny_classifier: Classifier) -> None:
    with pytest.raises(ParameterError, match="sees the whole image"):
        game("torchray@1", pipeline="resize_crop")
    maps = torch.rand(1, SIZE, SIZE)
    images = torch.zeros(1, 3, SIZE, SIZE)
    with pytest.raises(DatasetError, match="no boxes and no masks"):
        game().measure(explained_of(tiny_classifier, images, maps, [0], unit_labels=["dog"]))
    with pytest.raises(DatasetError, match='must be "annotated"'):
        game().measure(explained_of(tiny_classifier, images, maps, [0], truths=[truth_of()]))
    with pytest.raises(DatasetError, match="no mask of the class explained"):
        game("torchray-masks@1").measure(
            explained_of(tiny_classifier, images, maps, [0], truths=[truth_of()], unit_labels=["dog"])
        )


@pytest.mark.slow
def test_kangaroos(shared_data: Path) -> None:
    """Grad-CAM for the wallaby finds kangaroos better than a random map; figures merge from any split."""
    dataset = open_dataset("voc", shared_data / "kangaroo-voc" / "VOC2007")
    classifier = load_classifier(
        "squeezenet1_1", weights=shared_data / "weights" / "squeezenet1_1.safetensors"
    )
    mapping = ClassMapping.for_labels(
        dataset.class_labels, classifier.class_names, classifier.class_ids, {"kangaroo": ["104"]}
    )
    experiments = [
        create_experiment("pointing_game", "thesis@1"),
        create_experiment("pointing_game", "torchray@1"),
        create_experiment("energy_pointing_game", "all@1"),
        create_experiment("energy_pointing_game", "score-cam@1"),
    ]

    def run(method: str, indices: range) -> list[Columns]:
        chosen, scorer = create_method(method, classifier), Scorer(classifier)
        return run_benchmark(classifier, dataset, indices, chosen, experiments, scorer, mapping=mapping)

    whole, random = run("grad_cam", range(8)), run("random_map", range(8))
    halves = zip(run("grad_cam", range(3)), run("grad_cam", range(3, 8)), strict=True)
    for experiment, columns, by_chance, parts in zip(experiments, whole, random, halves, strict=True):
        figure = experiment.figures()[0]
        assert set(columns.scalars["annotated_class"]) == {"kangaroo"}
        assert figure.value(columns) == figure.value(Columns.merge(parts))
        assert figure.value(columns) > figure.value(by_chance)
    assert len(whole[0]) == 8 and 0 < len(whole[3]) < 8
