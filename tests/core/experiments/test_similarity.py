"""Similarities of maps against SciPy, scikit-image and cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from skimage.feature import hog
from skimage.metrics import structural_similarity as skimage_ssim

from saliency_core.errors import ParameterError
from saliency_core.experiments.similarity import (
    MapComparison,
    average_ranks,
    clipped_magnitude,
    normalised,
    oriented_gradients,
    spearman,
    structural_similarity,
)
from tests.core.every_method import photographs


def maps_of(count: int, size: int, seed: int) -> np.ndarray:
    """Smooth signed maps."""
    return photographs(count, (size, size), seed)[:, 0].numpy()


def test_ranks_by_hand() -> None:
    values = [[3.0, 1.0, 3.0, 2.0], [0.0, -0.0, 5.0, -1.0]]
    assert average_ranks(values).tolist() == [[2.5, 0.0, 2.5, 1.0], [1.5, 1.5, 3.0, 0.0]]


def test_ranks_are_those_of_scipy() -> None:
    values = np.random.default_rng(0).integers(0, 40, (3, 500)).astype(np.float32)
    assert np.array_equal(average_ranks(values), np.stack([rankdata(row) - 1 for row in values]))


def test_spearman_is_that_of_scipy() -> None:
    generator = np.random.default_rng(1)
    first = generator.integers(0, 30, (4, 300)).astype(np.float32)
    second = first + generator.integers(-20, 20, first.shape)
    expected = [spearmanr(*rows).statistic for rows in zip(first, second, strict=True)]
    np.testing.assert_allclose(spearman(first, second), expected, rtol=1e-12)


def test_spearman_by_hand() -> None:
    # Differences of ranks 1, 1, 2: 1 − 6 · 6 / (3 · 8) = −0.5.
    assert spearman([[1.0, 2.0, 3.0]], [[20.0, 30.0, 10.0]]).tolist() == pytest.approx([-0.5])
    assert spearman([[1.0, 2.0]], [[4.0, 4.0]]).tolist() == [0.0]


def test_magnitudes_are_clipped_at_the_percentile() -> None:
    values = np.arange(-100.0, 1.0)[None]
    clipped = clipped_magnitude(values)
    assert clipped.max() == 99.0
    assert np.array_equal(np.sort(clipped[0])[:-1], np.arange(100.0))
    np.testing.assert_array_equal(
        clipped_magnitude(values, 50.0), np.minimum(np.abs(values), np.percentile(np.abs(values), 50.0))
    )


def test_a_map_with_few_values_keeps_them() -> None:
    values = np.zeros((1, 1000))
    values[0, :5] = -2.0
    assert clipped_magnitude(values).sum() == 10.0


@pytest.mark.parametrize("size", [32, 224])
def test_structural_similarity_is_that_of_scikit_image(size: int) -> None:
    first, second = (normalised(maps_of(2, size, seed)) for seed in (0, 5))
    second = 0.5 * first + 0.5 * second
    expected = [
        skimage_ssim(*pair, gaussian_weights=True, data_range=1.0) for pair in zip(first, second, strict=True)
    ]
    found = structural_similarity(first, second)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # The range decides: old versions of scikit-image took 2 for floating-point images.
    wide = [
        skimage_ssim(*pair, gaussian_weights=True, data_range=2.0) for pair in zip(first, second, strict=True)
    ]
    assert np.abs(found - wide).min() > 1e-4
    assert structural_similarity(first, first).tolist() == [1.0, 1.0]


@pytest.mark.parametrize(("size", "cell"), [(224, 16), (32, 8), (50, 16)])
def test_oriented_gradients_are_those_of_scikit_image(size: int, cell: int) -> None:
    maps = normalised(maps_of(2, size, 3))
    expected = [
        hog(values, orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(3, 3)) for values in maps
    ]
    # scikit-image adds up in single precision.
    np.testing.assert_allclose(oriented_gradients(maps, cell), expected, rtol=1e-5, atol=1e-6)


def test_a_slope_has_one_orientation() -> None:
    slope = np.tile(np.arange(48.0), (48, 1))[None]
    features = oriented_gradients(slope, 16).reshape(9, 9)
    assert (features[:, 0] > 0).all()
    assert (features[:, 1:] == 0).all()


def test_maps_too_small() -> None:
    with pytest.raises(ParameterError, match="at least 48 × 48 pixels; got 32 × 32"):
        oriented_gradients(np.zeros((1, 32, 32)), 16)
    with pytest.raises(ParameterError, match="at least 11 × 11"):
        structural_similarity(np.zeros((1, 10, 32)), np.zeros((1, 10, 32)))


def literal(first: np.ndarray, second: np.ndarray, cell: int) -> dict[str, float]:
    """The four similarities of two maps with the libraries' functions alone."""

    def magnitude(values: np.ndarray) -> np.ndarray:
        values = np.abs(values.astype(np.float64))
        return np.minimum(values, np.percentile(values, 99)).ravel()

    def stretched(values: np.ndarray) -> np.ndarray:
        values = values.astype(np.float64)
        return (values - values.min()) / (values.max() - values.min())

    def descriptor(values: np.ndarray) -> np.ndarray:
        # Rounded: SciPy ranks the 14th digit of entries that are equal.
        return hog(stretched(values), pixels_per_cell=(cell, cell), cells_per_block=(3, 3)).round(12)

    return {
        "spearman": spearmanr(first.ravel(), second.ravel()).statistic,
        "spearman_absolute": spearmanr(magnitude(first), magnitude(second)).statistic,
        "ssim": skimage_ssim(stretched(first), stretched(second), gaussian_weights=True, data_range=1.0),
        "hog": spearmanr(descriptor(first), descriptor(second)).statistic,
    }


def test_comparison_against_the_libraries() -> None:
    first, second = maps_of(3, 64, 0), maps_of(3, 64, 9) + maps_of(3, 64, 0)
    usable = np.zeros(3, dtype=np.bool_)
    found = MapComparison(first, usable).with_maps(second, usable)
    for number in range(3):
        for name, value in literal(first[number], second[number], 16).items():
            assert found[name][number] == pytest.approx(value, abs=1e-6), name
        alone = MapComparison(first[number : number + 1], usable[:1]).with_maps(
            second[number : number + 1], usable[:1]
        )
        assert {name: values[0] for name, values in alone.items()} == pytest.approx(
            {name: values[number] for name, values in found.items()}, abs=1e-14
        )


def test_signs_matter_to_the_signed_correlation_only() -> None:
    maps = maps_of(2, 64, 0)
    usable = np.zeros(2, dtype=np.bool_)
    found = MapComparison(maps, usable).with_maps(-maps, usable)
    assert found["spearman"] == pytest.approx([-1.0, -1.0])
    assert found["spearman_absolute"].tolist() == pytest.approx([1.0, 1.0])


def test_maps_without_contrast_have_no_similarity() -> None:
    maps = maps_of(3, 64, 0)
    empty = maps.copy()
    maps[0], empty[1] = 0, 0
    found = MapComparison(maps, np.array([True, False, False])).with_maps(
        empty, np.array([False, True, False])
    )
    for values in found.values():
        assert values[:2].tolist() == [0.0, 0.0]
        assert values[2] == pytest.approx(1.0, abs=1e-12)
