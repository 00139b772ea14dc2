"""Bootstrap intervals: by hand, against a literal BCa, published numbers, SciPy and simulated coverage."""

from __future__ import annotations

from itertools import product
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from scipy.sparse import csr_array

from saliency_core.statistics import resampling, tables
from saliency_core.statistics.bootstrap import mean_interval
from saliency_core.statistics.intervals import (
    Interval,
    IntervalMethod,
    figure_interval,
    figure_intervals,
    interval_of,
)
from saliency_core.statistics.resampling import replicates
from saliency_core.statistics.tables import (
    class_table,
    leave_one_out_values,
    mean_of_sums,
    mean_over_classes,
    mean_table,
)

NAN = float("nan")
METHODS: tuple[IntervalMethod, ...] = ("percentile", "bca")

# Spatial test data, test A (Efron & Tibshirani 1993, table 14.1), and its variance from sums of 1, x and x².
SPATIAL = [
    48,
    36,
    20,
    29,
    42,
    42,
    20,
    42,
    22,
    41,
    45,
    14,
    6,
    0,
    33,
    28,
    34,
    4,
    32,
    24,
    47,
    41,
    24,
    26,
    30,
    41,
]
SPATIAL_TABLE = np.stack([np.ones(26), SPATIAL, np.square(SPATIAL)], axis=1)


def variance(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return sums[..., 2] / sums[..., 0] - (sums[..., 1] / sums[..., 0]) ** 2


def mean_of(values: npt.ArrayLike, groups: npt.ArrayLike | None = None, **options: object) -> Interval:
    return figure_interval(mean_table(values), mean_of_sums, groups, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_constant_figure_has_an_interval_without_width(method: IntervalMethod) -> None:
    # 0.1 is not a binary fraction: sums of it are rounded.
    for value in (0.25, 0.1, 0.0):
        interval = mean_of([value] * 9, method=method)
        assert interval.low == interval.high == interval.value == pytest.approx(value, rel=1e-15)
        assert interval.n == 9


@pytest.mark.parametrize("method", METHODS)
def test_no_interval_from_one_image_and_no_figure_from_none(method: IntervalMethod) -> None:
    assert mean_of([0.5], method=method).to_dict() == {"value": 0.5, "low": None, "high": None, "n": 1}
    assert mean_of([0.5, 1], [4, 4], method=method) == Interval(0.75, None, None, 1)
    assert mean_of([], method=method) == Interval(None, None, None, 0)
    assert mean_of([NAN, NAN], method=method) == Interval(None, None, None, 0)


def test_images_without_a_value_do_not_count() -> None:
    assert mean_of([NAN, 0.5, NAN]) == Interval(0.5, None, None, 1)
    # Both values are in 2 of 4 images: resamples hold the first, the second, both or (1 in 16) neither.
    assert mean_of([NAN, 0.0, 1.0, NAN]) == Interval(0.5, 0.0, 1.0, 2)


def test_figure_undefined_in_most_resamples_has_no_interval() -> None:
    # Defined only where all four images are drawn: 4! / 4⁴ = 9 % of the resamples.
    def all_drawn(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where((sums > 0).all(-1), 1.0, np.nan)

    assert figure_interval(np.eye(4), all_drawn) == Interval(1.0, None, None, 4)


def test_two_values_by_hand() -> None:
    # Resampling {0, 1} gives means 0, ½, 1 with probabilities ¼, ½, ¼: the 2.5 % and 97.5 % points are 0 and 1,
    # the 30 % and 70 % points are both ½.
    assert mean_of([0.0, 1.0]) == Interval(0.5, 0.0, 1.0, 2)
    assert mean_of([0.0, 1.0], confidence=0.4) == Interval(0.5, 0.5, 0.5, 2)


def test_replicates_of_a_ratio_are_those_of_all_resamples() -> None:
    # Three images, of one, one and two rows: all 27 equally likely resamples are written out.
    table = np.array([[1.0, 1], [0.0, 1], [3.0, 1], [1.0, 1]])
    sums = [(1.0, 1), (0.0, 1), (4.0, 2)]
    every = sorted(
        sum(sums[i][0] for i in drawn) / sum(sums[i][1] for i in drawn)
        for drawn in product(range(3), repeat=3)
    )
    drawn = replicates([np.array(sums)], [mean_of_sums], resamples=20_000)[:, 0]
    for value in every:
        share = sum(other <= value + 1e-9 for other in every) / 27
        assert np.mean(drawn <= value + 1e-9) == pytest.approx(share, abs=0.011)  # three standard errors
    assert {round(value, 9) for value in drawn.tolist()} == {round(value, 9) for value in every}
    # In order (times): 0 (1), ⅓ (3), ⅔ (3), 1 (4), 1.25 (6), 1.5 (3), 1.6 (3), 1.8 (3), 2 (1); 20 % and 80 % of 27
    # are 5.4 and 21.6.
    interval = figure_interval(table, mean_of_sums, [5, 6, 9, 9], confidence=0.6, resamples=20_000)
    assert interval == Interval(1.25, 2 / 3, 1.6, 3)


def test_mean_interval_is_the_percentile_interval_of_the_mean() -> None:
    values = np.random.default_rng(2).normal(0.3, 0.2, 211)
    for seed in (0, 7):
        old = mean_interval(values, seed=seed)
        new = mean_of(values, seed=seed)
        assert new.n == old.n
        np.testing.assert_allclose([new.value, new.low, new.high], [old.mean, old.low, old.high], rtol=1e-12)
    assert mean_of(values, seed=1) != mean_of(values, seed=2)


@pytest.mark.parametrize("method", METHODS)
def test_grouped_is_ungrouped_with_one_row_an_image(method: IntervalMethod) -> None:
    values = np.random.default_rng(3).random(50)
    assert mean_of(values, np.arange(50) * 3, method=method) == mean_of(values, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_is_irrelevant_given_their_images(method: IntervalMethod) -> None:
    generator = np.random.default_rng(4)
    values, groups = generator.random(90), generator.integers(0, 30, 90)
    order = generator.permutation(90)
    interval = mean_of(values, groups, method=method)
    shuffled = mean_of(values[order], groups[order], method=method)
    np.testing.assert_allclose(
        list(shuffled.to_dict().values()), list(interval.to_dict().values()), rtol=1e-12
    )


def test_rows_of_one_image_are_drawn_together() -> None:
    # Copies of each image's row add nothing: the interval stays, where rows as images would narrow it.
    values = np.random.default_rng(5).random(40)
    copies, images = np.repeat(values, 9), np.repeat(np.arange(40), 9)
    once, grouped, apart = mean_of(values), mean_of(copies, images), mean_of(copies)
    for interval in (once, grouped, apart):
        assert interval.low is not None and interval.high is not None
    np.testing.assert_allclose([grouped.low, grouped.high], [once.low, once.high], rtol=1e-12)
    assert (apart.high - apart.low) / (once.high - once.low) == pytest.approx(1 / 3, rel=0.1)
    assert (grouped.n, apart.n) == (40, 360)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("elements", [1, 64, 1000])
def test_same_intervals_however_much_is_held_at_once(
    method: IntervalMethod, elements: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = np.random.default_rng(6)
    figures = [
        (mean_table(generator.random(37)), mean_of_sums),
        (class_table(generator.random(37), 1, generator.integers(0, 4, 37), 4), mean_over_classes),
        (mean_table(generator.random(37)), mean_of_sums),
    ]
    whole = figure_intervals(figures, method=method, seed=5)
    monkeypatch.setattr(resampling, "_CHUNK_ELEMENTS", elements)
    monkeypatch.setattr(tables, "_CHUNK_ELEMENTS", elements)
    for interval, expected in zip(figure_intervals(figures, method=method, seed=5), whole, strict=True):
        np.testing.assert_allclose(
            list(interval.to_dict().values()), list(expected.to_dict().values()), rtol=1e-12
        )


@pytest.mark.parametrize("method", METHODS)
def test_several_figures_share_their_draws_and_equal_single_ones(method: IntervalMethod) -> None:
    values = np.random.default_rng(7).random(60)
    both = figure_intervals(
        [(mean_table(values), mean_of_sums), (mean_table(values + 1), mean_of_sums)], method=method
    )
    assert both[0] == mean_of(values, method=method)
    np.testing.assert_allclose([both[1].low, both[1].high], [both[0].low + 1, both[0].high + 1], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_sparse_tables_give_the_intervals_of_dense_ones(method: IntervalMethod) -> None:
    generator = np.random.default_rng(8)
    groups = np.repeat(np.arange(80), 3)
    dense = class_table(generator.random(240) < 0.6, 1, generator.integers(0, 8, 240), 8)
    assert dense.shape == (240, 16)  # as narrow as this, the dense one stays dense
    expected = figure_interval(dense, mean_over_classes, groups, method=method)
    found = figure_interval(csr_array(dense), mean_over_classes, groups, method=method)
    np.testing.assert_allclose(list(found.to_dict().values()), list(expected.to_dict().values()), rtol=1e-12)


def literal_bca(
    value: float, drawn: list[float], left_out: list[float], confidence: float
) -> tuple[float, float]:
    """Efron & Tibshirani 1993, (14.9), (14.10), (14.14), (14.15), word by word."""
    normal = NormalDist()
    bias = normal.inv_cdf(sum(replicate < value for replicate in drawn) / len(drawn))
    centre = sum(left_out) / len(left_out)
    cubes = sum((centre - each) ** 3 for each in left_out)
    squares = sum((centre - each) ** 2 for each in left_out)
    acceleration = cubes / (6 * squares**1.5)
    ends = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        shifted = bias + normal.inv_cdf(tail)
        position = normal.cdf(bias + shifted / (1 - acceleration * shifted)) * (len(drawn) - 1)
        ordered = sorted(drawn)
        below = int(position)
        ends.append(ordered[below] + (position - below) * (ordered[below + 1] - ordered[below]))
    return ends[0], ends[1]


def test_bca_is_the_literal_formula() -> None:
    values = np.random.default_rng(9).exponential(size=25)
    table = np.stack([np.ones(25), values, values**2], axis=1)
    value = float(np.var(values))
    drawn = replicates([table], [variance], seed=3)[:, 0]
    left_out = [float(np.var(np.delete(values, i))) for i in range(25)]
    for confidence in (0.9, 0.95):
        interval = figure_interval(table, variance, method="bca", confidence=confidence, seed=3)
        expected = literal_bca(value, drawn.tolist(), left_out, confidence)
        np.testing.assert_allclose([interval.low, interval.high], expected, rtol=1e-9)


def test_published_intervals_of_the_spatial_test_data() -> None:
    # Efron & Tibshirani 1993, table 14.2: variance 171.5, 90 % percentile interval (100.8, 233.9), BCa
    # (115.8, 259.6), from 2000 resamples, whose own Monte-Carlo error is about 2 at the lower ends.
    percentile = figure_interval(SPATIAL_TABLE, variance, confidence=0.9, resamples=20_000)
    bca = figure_interval(SPATIAL_TABLE, variance, method="bca", confidence=0.9, resamples=20_000)
    assert percentile.value == bca.value == pytest.approx(171.5, abs=0.05)
    assert [percentile.low, percentile.high] == pytest.approx([100.8, 233.9], abs=5)
    assert [bca.low, bca.high] == pytest.approx([115.8, 259.6], abs=5)


def test_leave_one_out_values_are_the_figure_without_each_image() -> None:
    expected = [np.var(np.delete(SPATIAL, i)) for i in range(26)]
    np.testing.assert_allclose(leave_one_out_values(SPATIAL_TABLE, variance), expected, rtol=1e-12)


@pytest.mark.parametrize(("method", "name"), [("percentile", "percentile"), ("bca", "BCa")])
def test_agrees_with_scipy(method: IntervalMethod, name: str) -> None:
    values = np.random.default_rng(10).lognormal(0, 1, 60)
    reference = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=20_000,
        method=name,
        batch=1000,
        rng=np.random.default_rng(11),
    ).confidence_interval
    interval = mean_of(values, method=method, resamples=20_000)
    width = reference.high - reference.low
    assert interval.low == pytest.approx(reference.low, abs=0.03 * width)
    assert interval.high == pytest.approx(reference.high, abs=0.03 * width)


def test_bca_shifts_the_interval_of_a_skewed_sample_towards_its_tail() -> None:
    values = np.random.default_rng(12).lognormal(0, 1, 60)
    percentile, bca = mean_of(values), mean_of(values, method="bca")
    assert bca.low > percentile.low
    assert bca.high > percentile.high


def test_replicates_equal_to_the_value_count_by_half_in_bca() -> None:
    # A fifth below, a fifth above, the rest equal: no bias, so the middle half of the replicates, all equal.
    drawn = np.repeat([-1.0, 0.0, 1.0], [200, 600, 200])
    interval = interval_of(0.0, drawn, np.array([-1.0, 0.0, 1.0]), n=3, confidence=0.5)
    assert interval == Interval(0.0, 0.0, 0.0, 3)


def test_bca_with_all_replicates_on_one_side_is_finite() -> None:
    # The bias correction would be infinite: it is held at half a replicate of 100, so both ends are the least.
    interval = interval_of(0.0, np.linspace(1, 2, 100), np.array([0.0, 1.0, 3.0]), n=3)
    assert interval.value == 0
    assert interval.low == pytest.approx(1.0, abs=0.01)
    assert 1.0 <= interval.low <= interval.high <= 2.0


def test_bca_without_variation_of_the_jackknife_is_bias_corrected_only() -> None:
    # 400 of 1000 replicates below, none equal, so z₀ = Φ⁻¹(0.4): the ends are at Φ(2 z₀ ± z).
    drawn = np.concatenate([np.linspace(-1, -0.001, 400), np.linspace(0.001, 1, 600)])
    interval = interval_of(0.0, drawn, np.array([2.0, 2.0, NAN]), n=3)
    normal = NormalDist()
    points = [normal.cdf(2 * normal.inv_cdf(0.4) + sign * normal.inv_cdf(0.975)) for sign in (-1, 1)]
    np.testing.assert_allclose([interval.low, interval.high], np.quantile(drawn, points), rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_intervals_cover_the_truth_as_often_as_they_say(method: IntervalMethod) -> None:
    # 400 samples of 30 images of 1 … 5 rows that share their image's effect; the mean is 0. The standard
    # error of the share is 1.1 %, and the bootstrap of 30 covers about a hundredth too little.
    generator = np.random.default_rng(13)
    covered, covered_by_rows = 0, 0
    for _ in range(400):
        groups = np.repeat(np.arange(30), generator.integers(1, 6, 30))
        values = generator.normal(size=30)[groups] + 0.3 * generator.normal(size=len(groups))
        interval = mean_of(values, groups, method=method, resamples=400)
        covered += interval.low <= 0 <= interval.high
        by_rows = mean_of(values, method=method, resamples=400)
        covered_by_rows += by_rows.low <= 0 <= by_rows.high
    assert 0.90 <= covered / 400 <= 0.97
    assert covered_by_rows / 400 < 0.82  # rows as images: far too narrow


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="No kind of interval is called 'BCa'"):
        mean_of([1, 2], method="BCa")
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_of([1, 2], confidence=95)
    with pytest.raises(ValueError, match="one resample"):
        mean_of([1, 2], resamples=0)
    with pytest.raises(ValueError, match="different numbers of rows"):
        figure_intervals([(np.ones((2, 1)), lambda s: s[..., 0]), (np.ones((3, 1)), lambda s: s[..., 0])])
    assert figure_intervals([]) == []
