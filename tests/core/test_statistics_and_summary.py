from __future__ import annotations

import numpy as np
import pytest

from saliency_core.experiments.summary import bin_numbers
from saliency_core.statistics import bootstrap
from saliency_core.statistics.bootstrap import mean_interval, mean_intervals


def test_interval_of_a_constant_has_no_width() -> None:
    assert mean_interval([0.25] * 9).to_dict() == {"mean": 0.25, "low": 0.25, "high": 0.25, "n": 9}


def test_no_interval_from_one_value_and_no_mean_from_none() -> None:
    assert mean_interval([0.5]).to_dict() == {"mean": 0.5, "low": None, "high": None, "n": 1}
    assert mean_interval([]).to_dict() == {"mean": None, "low": None, "high": None, "n": 0}


def test_two_values_by_hand() -> None:
    # Resampling {0, 1} gives means 0, ½, 1 with probabilities ¼, ½, ¼: the 2.5 % and 97.5 % points are 0 and 1,
    # the 30 % and 70 % points are both ½.
    assert mean_interval([0.0, 1.0]).to_dict() == {"mean": 0.5, "low": 0.0, "high": 1.0, "n": 2}
    narrow = mean_interval([0.0, 1.0], confidence=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_large_samples_agree_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(0.4, 0.2, 5000)
    interval = mean_interval(values)
    half = 1.96 * values.std() / np.sqrt(5000)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.15 * half)


def test_same_seed_same_interval_however_much_is_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).random(37)
    whole = mean_interval(values, seed=5)
    assert whole != mean_interval(values, seed=6)
    monkeypatch.setattr(bootstrap, "_CHUNK_ELEMENTS", 100)
    assert mean_interval(values, seed=5) == whole


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(3).random(20)
    mean, low, high = mean_intervals(np.stack([values, values + 1], axis=1))
    np.testing.assert_allclose(high - low, (high - low)[0])
    np.testing.assert_allclose(mean, [values.mean(), values.mean() + 1])


@pytest.mark.parametrize(
    ("probability", "number"),
    [
        (0.0, 0),
        (0.0999, 0),
        (0.1, 1),
        (0.3, 3),
        (0.7, 7),
        (0.89999, 8),
        (0.9, 9),
        (0.9998, 9),
        (0.9999, 10),
        (1.0, 10),
    ],
)
def test_edges_of_the_eleven_bins(probability: float, number: int) -> None:
    assert bin_numbers([probability]).tolist() == [number]
    assert bin_numbers(np.array([probability], np.float32).astype(np.float64)).tolist() == [number]
