"""Wilcoxon's test and effect sizes by hand."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
import pytest

from saliency_core.statistics.signed_ranks import SignedRanks, rounded_differences, signed_ranks

NAN = float("nan")


def compared(*differences: float) -> SignedRanks:
    return signed_ranks(differences, np.zeros(len(differences)))


def test_exact_p_values_by_hand() -> None:
    # Of the 2⁵ equally likely signs, one gives no negative rank; three give a sum of at most 2: {}, {1}, {2}.
    assert compared(1, 2, 3, 4, 5).p == pytest.approx(2 / 32)
    assert compared(1, -2, 3, 4, 5).p == pytest.approx(6 / 32)
    assert compared(-1, 2, -3, -4, -5).p == pytest.approx(6 / 32)
    assert compared(3).p == 1


def test_ties_among_the_differences_by_hand() -> None:
    # Ranks 1½, 1½, 3: of 8 sign patterns only one has no negative rank.
    found = compared(1, 1, 2)
    assert found.p == pytest.approx(2 / 8)
    # Negative rank sums: 0, 1½, 1½, 3, 3, 4½, 4½, 6: three of 8 are at most 1½.
    found = compared(-1, 1, 2)
    assert found.p == pytest.approx(6 / 8)
    assert found.rank_biserial == pytest.approx((4.5 - 1.5) / 6)


def test_images_without_a_difference_by_hand() -> None:
    # Pratt's ranks: 1 for the zero (dropped), 2 and 3 for the first, 4 for the second method. Of the 8 sums of
    # {2, 3, 4}, four are at most 4 (0, 2, 3, 4): p = 1. Wilcoxon's ranks would be 1, 2 and 3.
    found = compared(0, 1, 2, -3)
    assert found.p == 1
    assert found.rank_biserial == pytest.approx((5 - 4) / 9)
    assert (found.positive, found.negative, found.zero) == (2, 1, 1)
    found = compared(0, 0, 1, 2, 3)
    assert (found.p, found.rank_biserial) == (pytest.approx(2 / 8), 1)


def test_many_images_by_the_normal_approximation() -> None:
    differences = np.random.default_rng(0).integers(-3, 5, 80) / 4
    order = np.sort(abs(differences))
    ranks = np.array(
        [np.mean(np.flatnonzero(order == each) + 1) for each in abs(differences)]
    )  # average positions
    kept = differences != 0
    expected_sum, deviation = ranks[kept].sum() / 2, sqrt((ranks[kept] ** 2).sum() / 4)
    z = (ranks[differences > 0].sum() - expected_sum) / deviation
    assert signed_ranks(differences, np.zeros(80)).p == pytest.approx(2 * NormalDist().cdf(-abs(z)), rel=1e-9)


def test_nothing_differs() -> None:
    same = np.random.default_rng(1).random(70)
    assert signed_ranks(same, same) == SignedRanks(1.0, 0.0, 0.0, 0, 0, 70)
    assert signed_ranks([0.0], [0.0]) == SignedRanks(1.0, 0.0, 0.0, 0, 0, 1)


def test_no_images() -> None:
    nothing = SignedRanks(None, None, None, 0, 0, 0)
    assert signed_ranks([], []) == nothing
    assert signed_ranks([NAN, 1.0], [1.0, NAN]) == nothing


def test_images_without_a_value_are_left_out() -> None:
    assert signed_ranks([1, NAN, 2, 3], [0, 0, 0, NAN]) == compared(1, 2)


def test_effect_sizes_by_hand() -> None:
    found = compared(1, 2, 3)
    assert found.d_z == pytest.approx(2)  # mean 2, standard deviation 1
    assert found.rank_biserial == 1
    assert compared(-1, -2, -3).d_z == pytest.approx(-2)
    assert compared(-1, -2, -3).rank_biserial == -1
    assert compared(0.1, 0.1, 0.1).d_z is None  # no spread at all
    assert compared(2).d_z is None
    assert compared(2).to_dict() == {
        "p": 1.0,
        "rank_biserial": 1.0,
        "d_z": None,
        "positive": 1,
        "negative": 0,
        "zero": 0,
    }


def test_first_and_second_exchanged() -> None:
    generator = np.random.default_rng(2)
    first, second = generator.random(30), generator.random(30)
    found, turned = signed_ranks(first, second), signed_ranks(second, first)
    assert found.p == pytest.approx(turned.p)
    assert found.rank_biserial == pytest.approx(-turned.rank_biserial)
    assert found.d_z == pytest.approx(-turned.d_z)
    assert (found.positive, found.negative) == (turned.negative, turned.positive)


def test_rounding_breaks_no_ties() -> None:
    assert 0.3 - 0.2 != 0.2 - 0.1
    differences = rounded_differences([0.3, 0.2, 0.1 + 0.2], [0.2, 0.1, 0.3])
    assert differences[0] == differences[1] == pytest.approx(0.1)
    assert differences[2] == 0


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        signed_ranks([1.0, 2.0], [1.0])
