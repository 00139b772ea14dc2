from __future__ import annotations

from collections import Counter

import pytest

from saliency_core.datasets.subset import stratified_subset_indices
from saliency_core.errors import ParameterError

LABELS = ["a"] * 50 + ["b"] * 30 + ["c"] * 15 + [None] * 5


def shares(count: int, seed: int = 0) -> dict[str | None, int]:
    return Counter(LABELS[index] for index in stratified_subset_indices(LABELS, count, seed))


def test_classes_keep_their_share() -> None:
    assert shares(20) == {"a": 10, "b": 6, "c": 3, None: 1}
    # 7 images: quotas 3.5, 2.1, 1.05, 0.35; rounded down 3, 2, 1, 0; the one left goes to .5
    assert shares(7) == {"a": 4, "b": 2, "c": 1}
    assert shares(99) == {"a": 49, "b": 30, "c": 15, None: 5} or shares(99)["a"] == 50


def test_never_further_than_one_from_the_quota() -> None:
    for count in range(1, 100):
        for seed in range(3):
            drawn = shares(count, seed)
            assert sum(drawn.values()) == count
            for label, members in Counter(LABELS).items():
                assert abs(drawn.get(label, 0) - count * members / 100) < 1


def test_equal_remainders_are_drawn_by_lot() -> None:
    labels = [f"class {number:03}" for number in range(100) for _ in range(5)]
    drawn = [{labels[index] for index in stratified_subset_indices(labels, 10, seed)} for seed in range(20)]
    assert all(len(classes) == 10 for classes in drawn)
    assert len(set.union(*drawn)) > 70  # not the same ten classes, and not the first ten


def test_fixed_ascending_and_without_repetition() -> None:
    chosen = stratified_subset_indices(LABELS, 12, seed=7)
    assert chosen == sorted(set(chosen)) == stratified_subset_indices(tuple(LABELS), 12, seed=7)
    assert chosen != stratified_subset_indices(LABELS, 12, seed=8)
    assert stratified_subset_indices(list("aabbbb"), 3, seed=0) == [1, 3, 5]  # everywhere, today and later
    assert (
        stratified_subset_indices(LABELS, None) == stratified_subset_indices(LABELS, 100) == list(range(100))
    )
    assert stratified_subset_indices([], 5) == []
    with pytest.raises(ParameterError, match=r"at least 1; got 0"):
        stratified_subset_indices(LABELS, 0)
