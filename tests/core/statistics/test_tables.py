"""Sums of contributions by image."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

from saliency_core.statistics import tables
from saliency_core.statistics.tables import (
    class_table,
    contributing,
    image_sums,
    image_values,
    is_sparse,
    leave_one_out_values,
    mean_of_sums,
    mean_over_classes,
    mean_table,
    total_of,
)

NAN = float("nan")


def test_contributions_to_a_mean() -> None:
    table = mean_table([0.5, NAN, 0.25])
    assert table.tolist() == [[0.5, 1], [0, 0], [0.25, 1]]
    assert mean_of_sums(total_of(table)) == 0.375
    assert np.isnan(mean_of_sums(np.zeros(2)))


def test_rows_of_an_image_are_summed() -> None:
    names, sums = image_sums([[1.0, 1], [2, 1], [4, 1], [8, 1]], [7, 3, 7, 5])
    assert names.tolist() == [3, 5, 7]
    assert sums.tolist() == [[2, 1], [8, 1], [5, 2]]
    names, sums = image_sums([[1.0], [2.0], [4.0]], ["b", "a", "b"])
    assert (names.tolist(), sums.tolist()) == (["a", "b"], [[2], [5]])


def test_without_image_numbers_each_row_is_an_image() -> None:
    names, sums = image_sums([[3.0], [2.0]], None)
    assert (names.tolist(), sums.tolist()) == ([0, 1], [[3], [2]])
    assert image_sums(np.empty((0, 2)), np.empty(0))[1].shape == (0, 2)


@pytest.mark.parametrize("kind", [csr_array, csr_matrix])
def test_sparse_sums_are_dense_sums(kind: type) -> None:
    generator = np.random.default_rng(0)
    dense = generator.random((40, 9)) * (generator.random((40, 9)) < 0.2)
    groups = generator.integers(0, 12, 40)
    names, expected = image_sums(dense, groups)
    same_names, sums = image_sums(kind(dense), groups)
    assert is_sparse(sums)
    assert same_names.tolist() == names.tolist()
    np.testing.assert_allclose(sums.toarray(), expected, rtol=1e-14)
    np.testing.assert_allclose(total_of(sums), dense.sum(0), rtol=1e-13)
    assert contributing(sums).tolist() == (expected != 0).any(1).tolist()


def test_only_wide_and_mostly_empty_tables_become_sparse() -> None:
    wide = np.zeros((50, 33))
    wide[:, 4] = 1
    assert is_sparse(image_sums(wide, None)[1])
    assert not is_sparse(image_sums(wide[:, :32], None)[1])
    assert not is_sparse(image_sums(wide + 1, None)[1])


def test_what_is_not_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="finite numbers only"):
        image_sums([[NAN, 1]], None)
    with pytest.raises(ValueError, match="finite numbers only"):
        image_sums(csr_array([[np.inf, 1.0]]), None)
    with pytest.raises(ValueError, match=r"not the shape \(3,\)"):
        image_sums([1.0, 2.0, 3.0], None)
    with pytest.raises(ValueError, match="2 rows need as many image numbers"):
        image_sums([[1.0], [2.0]], [1])
    with pytest.raises(ValueError, match=r"has the shape \(2,\)"):
        image_values(np.ones((2, 3)), lambda sums: sums)


def test_mean_over_classes_by_hand() -> None:
    # Class 0: 1, 0 (mean ½); class 1: nothing; class 2: 1, 1, 0.25 (mean ¾); one value is missing.
    table = class_table([1, 1, 0, NAN, 1, 0.25], 1, [0, 2, 0, 1, 2, 2], 3)
    assert table.tolist() == [
        [1, 0, 0, 1, 0, 0],
        [0, 0, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 1],
        [0, 0, 0.25, 0, 0, 1],
    ]
    assert mean_over_classes(total_of(table)) == (0.5 + 0.75) / 2
    assert np.isnan(mean_over_classes(np.zeros(6)))


def test_class_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="from 0 to 2"):
        class_table([1.0], 1, [3], 3)
    with pytest.raises(ValueError, match="from 0 to 2"):
        class_table([1.0], 1, [-1], 3)
    with pytest.raises(ValueError, match="A class is needed for each value"):
        class_table([1.0, 0.0], 1, [1], 3)


@pytest.mark.parametrize("make", [np.asarray, csr_array])
def test_figures_of_single_images_and_without_them(make: type, monkeypatch: pytest.MonkeyPatch) -> None:
    sums = make(np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 1.0]]))
    for elements in (1_000_000, 2):  # at once, and image after image
        monkeypatch.setattr(tables, "_CHUNK_ELEMENTS", elements)
        np.testing.assert_array_equal(image_values(sums, mean_of_sums), [0.5, NAN, 3])
        np.testing.assert_array_equal(leave_one_out_values(sums, mean_of_sums), [3, 4 / 3, 0.5])
