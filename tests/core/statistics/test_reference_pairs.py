"""Pairs with one method only."""

from __future__ import annotations

import numpy as np

from saliency_core.statistics.paired import pairwise_table
from saliency_core.statistics.tables import mean_of_sums, mean_table


def test_pairs_with_a_reference_are_those_among_all_pairs() -> None:
    values = np.random.default_rng(0).random((4, 30))
    tables = [mean_table(row) for row in values]
    every = pairwise_table(tables, mean_of_sums, [None] * 4, resamples=50)
    some = pairwise_table(tables, mean_of_sums, [None] * 4, reference=2, resamples=50)
    assert [(pair.first, pair.second) for pair in some.pairs] == [(0, 2), (1, 2), (2, 3)]
    known = {(pair.first, pair.second): pair.difference for pair in every.pairs}
    assert all(pair.difference == known[pair.first, pair.second] for pair in some.pairs)
