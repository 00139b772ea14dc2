"""Holm, Friedman and Nemenyi by hand and against Demšar (2006)."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from saliency_core.statistics.multiple import holm
from saliency_core.statistics.ranking import (
    Friedman,
    average_ranks,
    cliques,
    friedman,
    image_ranks,
    nemenyi_critical_difference,
)

NAN = float("nan")

# Ranks of C4.5 and its three variants on 14 data sets (Demšar 2006, table 6).
DEMSAR = np.array(
    [
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        [4, 1, 2, 3],
        [4, 1, 3, 2],
        [4, 2, 3, 1],
        [1, 2.5, 4, 2.5],
        [3, 2, 4, 1],
        [2.5, 2.5, 4, 1],
        [4, 3, 2, 1],
        [2.5, 2.5, 2.5, 2.5],
        [4, 2.5, 1, 2.5],
        [3, 2, 4, 1],
        [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)


def test_holm_by_hand() -> None:
    # Sorted: 0.005 · 4, 0.01 · 3, 0.03 · 2, and 0.04 · 1, which may not be below the one before.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.4, 0.9]), [1, 1, 1])
    np.testing.assert_allclose(holm([0.03]), [0.03])
    np.testing.assert_allclose(holm([0.02, 0.02]), [0.04, 0.04])


def test_holm_leaves_out_what_is_no_test() -> None:
    np.testing.assert_allclose(holm([0.01, NAN, 0.04, None]), [0.02, NAN, 0.04, NAN])
    assert np.isnan(holm([None, NAN])).all()
    assert holm([]).shape == (0,)


def test_holm_refuses_what_is_no_probability() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, 1.1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([-0.1])
    with pytest.raises(ValueError, match="one column"):
        holm(np.ones((2, 2)))


def test_ranks_within_images_by_hand() -> None:
    values = [[0.1, 0.5, 0.3], [0.2, 0.2, 0.9], [NAN, 0.1, 0.2]]
    assert image_ranks(values).tolist() == [[3, 1, 2], [2.5, 2.5, 1]]
    assert image_ranks(values, "lower").tolist() == [[1, 3, 2], [1.5, 1.5, 3]]
    assert average_ranks(values).tolist() == [2.75, 1.75, 1.5]
    assert np.isnan(average_ranks([[NAN, 1.0]])).all()


def test_published_ranks_and_statistic() -> None:
    found = friedman(DEMSAR, "lower")
    assert found.average_ranks == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=0.0005)
    assert (found.images, found.methods) == (14, 4)
    # The published 9.28 is without the correction for ties: three pairs (6 each) and a tie of four (60).
    correction = 1 - (3 * 6 + 60) / (14 * 4 * 15)
    assert found.chi_square * correction == pytest.approx(9.28, abs=0.005)
    assert found.p == pytest.approx(scipy.stats.chi2.sf(found.chi_square, 3), rel=1e-12)


def test_agrees_with_scipy() -> None:
    values = np.random.default_rng(0).integers(0, 6, (40, 5)) / 5
    reference = scipy.stats.friedmanchisquare(*values.T)
    for better in ("higher", "lower"):
        found = friedman(values, better)
        assert found.chi_square == pytest.approx(reference.statistic, rel=1e-10)
        assert found.p == pytest.approx(reference.pvalue, rel=1e-9)


def test_friedman_by_hand() -> None:
    # Three images, always the same order of three methods: χ² = 12 · 3 / 12 · (1 + 0 + 1) = 6 with 2 degrees.
    found = friedman([[3, 2, 1], [30, 20, 10], [9, 8, 7]])
    assert found.chi_square == pytest.approx(6)
    assert found.p == pytest.approx(np.exp(-3))
    assert found.average_ranks == (1, 2, 3)
    assert friedman([[5, 5], [1, 1]]) == Friedman(0.0, 1.0, (1.5, 1.5), 2, 2)


def test_friedman_of_too_little() -> None:
    assert friedman(np.empty((0, 3))) == Friedman(None, None, (), 0, 3)
    assert friedman([[1.0], [2.0]]) == Friedman(None, None, (1.0,), 2, 1)
    with pytest.raises(ValueError, match="one row an image"):
        friedman([1.0, 2.0])
    with pytest.raises(ValueError, match="not 'more'"):
        friedman([[1.0, 2.0]], "more")


@pytest.mark.parametrize(
    ("alpha", "published"),
    [
        (0.05, [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]),
        (0.10, [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]),
    ],
)
def test_published_critical_values(alpha: float, published: list[float]) -> None:
    # Demšar 2006, table 5(a). Its values are rounded to three digits before the division by √2.
    for methods, expected in enumerate(published, 2):
        unit = np.sqrt(methods * (methods + 1) / (6 * 100))
        found = nemenyi_critical_difference(methods, 100, alpha) / unit
        assert found == pytest.approx(expected, abs=0.0015)


def test_published_critical_difference() -> None:
    assert nemenyi_critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert nemenyi_critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)


def test_critical_difference_of_too_little_is_refused() -> None:
    for methods, images, alpha in ((1, 10, 0.05), (3, 0, 0.05), (3, 10, 5)):
        with pytest.raises(ValueError, match=r"needs two methods|between 0 and 1"):
            nemenyi_critical_difference(methods, images, alpha)


def test_groups_that_do_not_differ() -> None:
    # Demšar's example: with 1.25 (α = 0.05) all are one group; with 1.12 (α = 0.10) pure C4.5 (number 0) differs
    # from C4.5+m (1) and C4.5+m+cf (3).
    ranks = average_ranks(DEMSAR, "lower")
    assert cliques(ranks, 1.25) == [(3, 1, 2, 0)]
    assert cliques(ranks, 1.12) == [(3, 1, 2), (2, 0)]
    assert cliques([1.0, 2.0, 3.0, 4.0], 1.5) == [(0, 1), (1, 2), (2, 3)]
    assert cliques([4.0, 1.0, 1.5, 3.9], 1.0) == [(1, 2), (3, 0)]
    assert cliques([1.0, 2.0], 1.0) == []  # as far apart as the critical difference: they differ
    assert cliques([], 1.0) == []
