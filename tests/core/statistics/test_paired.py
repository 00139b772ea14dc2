"""Differences between methods on the images they share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from saliency_core.statistics.bootstrap import mean_interval
from saliency_core.statistics.intervals import IntervalMethod, figure_interval
from saliency_core.statistics.multiple import holm
from saliency_core.statistics.paired import PairedDifference, PairwiseTable, paired_difference, pairwise_table
from saliency_core.statistics.signed_ranks import signed_ranks
from saliency_core.statistics.tables import class_table, mean_of_sums, mean_over_classes, mean_table

NAN = float("nan")
METHODS: tuple[IntervalMethod, ...] = ("percentile", "bca")


def means_apart(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    first_groups: npt.ArrayLike | None = None,
    second_groups: npt.ArrayLike | None = None,
    **options: object,
) -> PairedDifference:
    return paired_difference(
        mean_table(first),
        mean_table(second),
        mean_of_sums,
        first_groups,
        second_groups,
        **options,  # type: ignore[arg-type]
    )


def test_by_hand() -> None:
    found = means_apart([0.5, 0.75, 1.0, 0.25], [0.25, 0.25, 0.25, 0.25])
    assert found.value == 0.375
    assert found.n == 4
    # Differences ¼, ½, ¾, 0: Pratt's ranks 2, 3, 4 are all for the first method; 2 of 8 signs are as extreme.
    assert found.p_wilcoxon == pytest.approx(2 / 8)
    assert found.rank_biserial == 1
    assert found.d_z == pytest.approx(0.375 / np.std([0.25, 0.5, 0.75, 0], ddof=1))
    assert (found.wins, found.losses, found.ties) == (3, 0, 1)
    # All four drawn images are the one without a difference in 1 of 4⁴ resamples, none favours the second.
    assert found.p_bootstrap == pytest.approx(2 / 256, abs=0.006)
    assert 0 <= found.low < 0.375 < found.high <= 0.75


def test_what_is_better_decides_wins_only() -> None:
    first, second = [0.5, 0.75, 0.1, 0.3], [0.25, 0.25, 0.25, 0.3]
    higher, lower = means_apart(first, second), means_apart(first, second, better="lower")
    assert (higher.wins, higher.losses, higher.ties) == (2, 1, 1)
    assert (lower.wins, lower.losses, lower.ties) == (1, 2, 1)
    assert {**higher.to_dict(), "wins": 1, "losses": 2} == lower.to_dict()
    assert means_apart(first, second, better="") == higher
    with pytest.raises(ValueError, match="not 'more'"):
        means_apart(first, second, better="more")


@pytest.mark.parametrize("method", METHODS)
def test_interval_of_the_difference_is_that_of_the_differences(method: IntervalMethod) -> None:
    generator = np.random.default_rng(0)
    first, second = generator.random(70), generator.random(70) ** 2
    found = means_apart(first, second, method=method, seed=4)
    expected = figure_interval(mean_table(first - second), mean_of_sums, method=method, seed=4)
    assert [found.value, found.low, found.high] == pytest.approx(
        [expected.value, expected.low, expected.high], rel=1e-9
    )
    if method == "percentile":
        assert found.low == pytest.approx(mean_interval(first - second, seed=4).low, rel=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_draws_for_both(method: IntervalMethod) -> None:
    # Far apart from image to image, yet always 0.1 apart: the difference is certain.
    first = np.random.default_rng(1).normal(0, 5, 60)
    found = means_apart(first + 0.1, first, method=method)
    assert [found.low, found.high] == pytest.approx([0.1, 0.1], rel=1e-9)
    assert found.p_bootstrap == pytest.approx(2 / 2001)
    assert (found.wins, found.losses, found.ties) == (60, 0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_does_not_differ_from_itself(method: IntervalMethod) -> None:
    values = np.random.default_rng(2).random(60)
    found = means_apart(values, values, method=method)
    assert found.to_dict() == {
        "value": 0.0,
        "low": 0.0,
        "high": 0.0,
        "n": 60,
        "p_wilcoxon": 1.0,
        "p_bootstrap": 1.0,
        "rank_biserial": 0.0,
        "d_z": 0.0,
        "wins": 0,
        "losses": 0,
        "ties": 60,
    }


@pytest.mark.parametrize("method", METHODS)
def test_sums_in_another_order_are_no_difference(method: IntervalMethod) -> None:
    # As 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1, which are rounded differently.
    parts = np.random.default_rng(7).normal(size=(20, 3)) / 10
    images = np.repeat(np.arange(20), 3)
    assert (parts[:, 0] + parts[:, 1] + parts[:, 2] != parts[:, 2] + parts[:, 1] + parts[:, 0]).any()
    found = means_apart(parts.ravel(), parts[:, ::-1].ravel(), images, images, method=method)
    assert (found.value, found.low, found.high, found.p_bootstrap) == (0, 0, 0, 1)
    assert (found.p_wilcoxon, found.ties) == (1, 20)


def test_exchanged_methods_mirror_the_difference() -> None:
    generator = np.random.default_rng(3)
    first, second = generator.random(40), generator.random(40)
    found, turned = means_apart(first, second), means_apart(second, first)
    assert [turned.value, turned.low, turned.high] == pytest.approx([-found.value, -found.high, -found.low])
    assert turned.p_bootstrap == found.p_bootstrap
    assert turned.p_wilcoxon == pytest.approx(found.p_wilcoxon)
    assert (turned.wins, turned.losses) == (found.losses, found.wins)


def test_images_are_matched_by_their_numbers() -> None:
    generator = np.random.default_rng(4)
    values, others = generator.random(30), generator.random(30)
    numbers = np.arange(100, 130)
    expected = means_apart(values, others, numbers, numbers)
    order = generator.permutation(30)
    # Another order, and images that only one method has.
    found = means_apart(
        np.append(values, [9.0, 9.0]),
        np.append(others[order], -9.0),
        np.append(numbers, [5, 6]),
        np.append(numbers[order], 7),
    )
    assert found.n == 30
    assert list(found.to_dict().values()) == pytest.approx(list(expected.to_dict().values()), rel=1e-9)


def test_image_without_a_value_in_one_is_left_out_of_both() -> None:
    found = means_apart([1.0, 2.0, NAN, 4.0], [0.0, 0.0, 0.0, NAN])
    assert (found.value, found.n) == (1.5, 2)


def test_nothing_in_common() -> None:
    found = means_apart([1.0, 2.0], [1.0, 2.0], [1, 2], [3, 4])
    assert found == PairedDifference(None, None, None, 0, None, None, None, None, 0, 0, 0)


def test_one_image_in_common_has_no_interval() -> None:
    found = means_apart([1.0, 2.0], [0.5, 2.0], [1, 2], [1, 4])
    assert found == PairedDifference(0.5, None, None, 1, 1.0, None, 1.0, None, 1, 0, 0)


def test_tables_that_cannot_be_matched_are_refused() -> None:
    with pytest.raises(ValueError, match="matched by image numbers"):
        means_apart([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="matched by image numbers"):
        means_apart([1.0, 2.0], [1.0, 2.0], [1, 2], None)
    with pytest.raises(ValueError, match="two tables or more"):
        pairwise_table([np.ones((2, 2))], mean_of_sums, [None])


def test_accumulated_figure_with_several_rows_an_image() -> None:
    # Two classes. First method: class 0 hit on both images, class 1 on image 1 only; second: class 0 only there.
    groups, classes = [1, 1, 2, 2], [0, 1, 0, 1]
    first = class_table([1, 1, 1, 0], 1, classes, 2)
    second = class_table([1, 0, 0, 0], 1, classes, 2)
    found = paired_difference(first, second, mean_over_classes, groups, groups)
    assert found.value == (1 + 0.5) / 2 - (0.5 + 0) / 2
    assert found.n == 2
    # Image by image: (1 + 1) / 2 − (1 + 0) / 2 and (1 + 0) / 2 − 0: a constant ½.
    assert (found.wins, found.losses, found.ties, found.d_z) == (2, 0, 0, None)
    assert (found.low, found.high) == (0.5, 0.5)


def test_tables_by_class_may_have_other_classes() -> None:
    # The first model explains "a" on both images, the second "a" on one and "b", which it misses, on the other.
    first = class_table([1, 0], 1, [0, 0], 1)
    second = class_table([1, 0], 1, [0, 1], 2)
    found = paired_difference(first, second, mean_over_classes)
    assert found.value == 1 / 2 - (1 + 0) / 2
    assert (found.n, found.wins, found.losses, found.ties) == (2, 0, 0, 2)


def test_single_images_are_compared_only_where_they_have_the_figure() -> None:
    tables = [mean_table([0.5, 0.75, 1.0, 0.25]), mean_table([0.25, 0.25, 0.25, 0.25])]
    found = pairwise_table(tables, mean_of_sums, [None, None], single_images=False)
    difference = found.pairs[0].difference
    assert (difference.value, difference.n) == (0.375, 4)
    assert (difference.p_wilcoxon, difference.rank_biserial, difference.d_z) == (None, None, None)
    assert (difference.wins, difference.losses, difference.ties) == (0, 0, 0)
    # As in test_by_hand.
    assert difference.p_bootstrap == pytest.approx(2 / 256, abs=0.006)
    assert np.isnan(found.values).all() and found.values.shape == (4, 2)


def three_methods() -> tuple[npt.NDArray[np.float64], PairwiseTable]:
    generator = np.random.default_rng(5)
    values = generator.random((50, 1)) + generator.normal([0.0, 0.05, 0.3], 0.2, (50, 3))
    return values, pairwise_table([mean_table(column) for column in values.T], mean_of_sums, [None] * 3)


def test_table_of_pairs_holds_the_single_comparisons() -> None:
    values, table = three_methods()
    assert [(pair.first, pair.second) for pair in table.pairs] == [(0, 1), (0, 2), (1, 2)]
    for pair in table.pairs:
        expected = means_apart(values[:, pair.first], values[:, pair.second])
        assert list(pair.difference.to_dict().values()) == pytest.approx(
            list(expected.to_dict().values()), rel=1e-9
        )
    by_ranks = [signed_ranks(values[:, a], values[:, b]).p for a, b in ((0, 1), (0, 2), (1, 2))]
    assert [pair.p_wilcoxon_holm for pair in table.pairs] == pytest.approx(holm(by_ranks))
    by_draws = [pair.difference.p_bootstrap for pair in table.pairs]
    assert [pair.p_bootstrap_holm for pair in table.pairs] == pytest.approx(holm(by_draws))
    np.testing.assert_allclose(table.values, values)
    for method, interval in enumerate(table.intervals):
        expected_interval = figure_interval(mean_table(values[:, method]), mean_of_sums)
        assert [interval.value, interval.low, interval.high] == pytest.approx(
            [expected_interval.value, expected_interval.low, expected_interval.high], rel=1e-9
        )


def test_table_of_pairs_is_of_the_images_all_have() -> None:
    tables = [mean_table([1.0, 2.0, 3.0]), mean_table([1.0, 1.0, 1.0]), mean_table([0.0, 5.0, 4.0])]
    found = pairwise_table(tables, mean_of_sums, [["a", "b", "c"], ["b", "c", "d"], ["c", "b", "a"]])
    assert found.images.tolist() == ["b", "c"]
    assert found.values.tolist() == [[2, 1, 5], [3, 1, 0]]
    assert [interval.value for interval in found.intervals] == [2.5, 1, 2.5]
    assert [pair.difference.value for pair in found.pairs] == [1.5, 0, -1.5]
    assert {pair.difference.n for pair in found.pairs} == {2}


def test_table_of_pairs_without_common_images() -> None:
    found = pairwise_table([mean_table([1.0]), mean_table([1.0])], mean_of_sums, [[1], [2]])
    assert (len(found.images), found.values.shape) == (0, (0, 2))
    pair = found.pairs[0]
    assert (pair.difference.value, pair.p_wilcoxon_holm, pair.p_bootstrap_holm) == (None, None, None)


def test_p_values_are_uniform_without_a_difference() -> None:
    # 300 comparisons of methods that are alike: about 5 % of p-values are below 0.05 (standard error 1.3 %).
    generator = np.random.default_rng(6)
    by_ranks, by_draws = [], []
    for _ in range(300):
        common = generator.normal(size=40)
        first, second = common + generator.normal(size=40), common + generator.normal(size=40)
        found = means_apart(first, second, resamples=300)
        by_ranks.append(found.p_wilcoxon < 0.05)
        by_draws.append(found.p_bootstrap < 0.05)
    assert 0.015 <= np.mean(by_ranks) <= 0.09
    assert 0.015 <= np.mean(by_draws) <= 0.10
