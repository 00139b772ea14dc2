"""How alike two saliency maps are: rank correlation, structural similarity, histograms of oriented gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saliency_core.errors import ParameterError

Array = npt.NDArray[np.float64]

# Structural similarity with Gaussian weights as scikit-image has it: standard deviation 1.5, cut off at 3.5 of it,
# sample covariances of the 11 × 11 window, values in a range of 1.
_SIGMA, _RADIUS = 1.5, 5
_STABILISERS = 0.01**2, 0.03**2
_ORIENTATIONS, _BLOCK = 9, 3
_EPSILON, _CLIP = 1e-5, 0.2  # of scikit-image's block normalisation "L2-Hys"


def average_ranks(values: npt.ArrayLike) -> Array:
    """Ranks 0 … N − 1 of every row of ``values`` [B, N]; equal values share their mean rank."""
    rows = np.asarray(values)
    ranks = np.empty(rows.shape)
    count = rows.shape[1]
    for row, result in zip(rows, ranks, strict=True):
        order = np.argsort(row)
        ordered = row[order]
        # Where a run of equal values begins, and where the next one does.
        begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
        ends = np.append(begins[1:], count)
        result[order] = np.repeat((begins + ends - 1) / 2, ends - begins)
    return ranks


def spearman(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """Spearman's correlation [B] of the rows of two arrays [B, N]; 0 where one is constant."""
    return correlation(average_ranks(first), average_ranks(second))


def correlation(first: Array, second: Array) -> Array:
    """Pearson's correlation [B] of the rows of two arrays [B, N]; 0 where one is constant."""
    first, second = (values - values.mean(1, keepdims=True) for values in (first, second))
    covariance = (first * second).sum(1)
    spread = np.sqrt((first * first).sum(1) * (second * second).sum(1))
    return np.where(spread > 0, covariance / np.where(spread > 0, spread, 1), 0.0)


def clipped_magnitude(maps: npt.ArrayLike, percentile: float = 99.0) -> Array:
    """Absolute values of maps [B, …], each clipped at that percentile of its own.

    A map of which less than the rest is not zero would be left without any contrast, and is not clipped.
    """
    magnitudes = np.abs(np.asarray(maps, dtype=np.float64))
    flat = magnitudes.reshape(len(magnitudes), -1)
    limits = np.percentile(flat, percentile, axis=1)
    limits = np.where(limits > flat.min(1), limits, flat.max(1))
    clipped: Array = np.minimum(flat, limits[:, None]).reshape(magnitudes.shape)
    return clipped


def structural_similarity(first: npt.ArrayLike, second: npt.ArrayLike) -> Array:
    """Mean structural similarity [B] of maps [B, H, W] with values in [0, 1] (Wang et al. 2004).

    The local means are Gaussian; windows that reach over the edge are left out.
    """
    return _similarity(_moments(first), _moments(second))


def oriented_gradients(maps: npt.ArrayLike, cell: int = 16) -> Array:
    """Histograms of oriented gradients [B, features] of maps [B, H, W] (Dalal and Triggs 2005).

    Nine orientations without sign, cells of ``cell`` × ``cell`` pixels, blocks of 3 × 3 cells one cell apart,
    normalised as scikit-image's "L2-Hys". Pixels beyond the last whole cell are left out. Raises
    ParameterError for maps of fewer than 3 × 3 cells.
    """
    values = np.asarray(maps, dtype=np.float64)
    count, height, width = values.shape
    rows, columns = height // cell, width // cell
    if min(rows, columns) < _BLOCK:
        raise ParameterError(
            f"Histograms of oriented gradients need maps of at least {_BLOCK * cell} × {_BLOCK * cell} pixels; "
            f"got {height} × {width}."
        )
    down, across = np.zeros_like(values), np.zeros_like(values)
    down[:, 1:-1] = values[:, 2:] - values[:, :-2]
    across[:, :, 1:-1] = values[:, :, 2:] - values[:, :, :-2]
    inside = (slice(None), slice(rows * cell), slice(columns * cell))
    down, across = down[inside], across[inside]
    strength = np.hypot(down, across)
    angle = np.rad2deg(np.arctan2(down, across)) % 180
    orientation = (angle // (180 / _ORIENTATIONS)).astype(np.int64)
    # The remainder of a tiny negative angle rounds to 180, which belongs to no orientation in scikit-image.
    strength[orientation >= _ORIENTATIONS] = 0
    orientation[orientation >= _ORIENTATIONS] = 0
    row = np.arange(rows * cell)[:, None] // cell
    column = np.arange(columns * cell) // cell
    place = (np.arange(count)[:, None, None] * rows + row) * columns + column
    bins = (place * _ORIENTATIONS + orientation).ravel()
    total = count * rows * columns * _ORIENTATIONS
    histograms = np.bincount(bins, strength.ravel(), total) / cell**2
    histograms = histograms.reshape(count, rows, columns, _ORIENTATIONS)
    windows = np.lib.stride_tricks.sliding_window_view(histograms, (_BLOCK, _BLOCK), axis=(1, 2))
    blocks = windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, _BLOCK**2 * _ORIENTATIONS)
    blocks = np.minimum(_scaled(blocks), _CLIP)
    return _scaled(blocks).reshape(count, -1)


def _scaled(blocks: Array) -> Array:
    scaled: Array = blocks / np.sqrt((blocks**2).sum(1, keepdims=True) + _EPSILON**2)
    return scaled


@dataclass(frozen=True)
class _Moments:
    """Maps [B, H, W] with their local means and mean squares [B, H − 10, W − 10]."""

    values: Array
    mean: Array
    square: Array


def _moments(maps: npt.ArrayLike) -> _Moments:
    values = np.asarray(maps, dtype=np.float64)
    if min(values.shape[1:]) <= 2 * _RADIUS:
        side = 2 * _RADIUS + 1
        raise ParameterError(f"Structural similarity needs maps of at least {side} × {side} pixels.")
    return _Moments(values, _smoothed(values), _smoothed(values * values))


def _smoothed(values: Array) -> Array:
    """Gaussian local means where the window lies inside."""
    from scipy.ndimage import correlate1d

    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    weights /= weights.sum()
    for axis in (1, 2):
        values = correlate1d(values, weights, axis=axis)
    inner: Array = values[:, _RADIUS:-_RADIUS, _RADIUS:-_RADIUS]
    return inner


def _similarity(first: _Moments, second: _Moments) -> Array:
    window = (2 * _RADIUS + 1) ** 2
    sample = window / (window - 1)
    variances = [sample * (each.square - each.mean * each.mean) for each in (first, second)]
    product = _smoothed(first.values * second.values)
    covariance = sample * (product - first.mean * second.mean)
    low, high = _STABILISERS
    above = (2 * first.mean * second.mean + low) * (2 * covariance + high)
    below = (first.mean**2 + second.mean**2 + low) * (variances[0] + variances[1] + high)
    similarity: Array = (above / below).mean((1, 2))
    return similarity


class MapComparison:
    """Compares maps with those of the intact classifier, for which all that can be is computed once.

    ``maps`` float32 [B, H, W] as methods give them, ``degenerate`` bool [B]. ``spearman`` compares the signed
    values, ``spearman_absolute`` their clipped magnitudes, ``ssim`` and ``hog`` the maps stretched to [0, 1].
    """

    def __init__(
        self,
        maps: npt.NDArray[np.float32],
        degenerate: npt.NDArray[np.bool_],
        *,
        percentile: float = 99.0,
        cell: int = 16,
    ) -> None:
        self.degenerate, self._percentile, self._cell = degenerate, percentile, cell
        self._signed, self._absolute, self._moments, self._gradients = self._features(maps)

    def with_maps(self, maps: npt.NDArray[np.float32], degenerate: npt.NDArray[np.bool_]) -> dict[str, Array]:
        """Similarities [B] by name; all 0 where one of the two maps is degenerate."""
        signed, absolute, moments, gradients = self._features(maps)
        comparable = ~(self.degenerate | degenerate)
        similarities = {
            "spearman": correlation(self._signed, signed),
            "spearman_absolute": correlation(self._absolute, absolute),
            "ssim": _similarity(self._moments, moments),
            "hog": correlation(self._gradients, gradients),
        }
        return {name: np.where(comparable, values, 0.0) for name, values in similarities.items()}

    def _features(self, maps: npt.NDArray[np.float32]) -> tuple[Array, Array, _Moments, Array]:
        flat = maps.reshape(len(maps), -1)
        signed = average_ranks(flat)
        absolute = average_ranks(clipped_magnitude(flat, self._percentile))
        stretched = normalised(maps)
        return (
            signed,
            absolute,
            _moments(stretched),
            average_ranks(oriented_gradients(stretched, self._cell)),
        )


def normalised(maps: npt.NDArray[np.float32]) -> Array:
    """Each map [B, H, W] stretched to [0, 1]; zeros where it is constant."""
    values = maps.astype(np.float64)
    low, high = values.min((1, 2), keepdims=True), values.max((1, 2), keepdims=True)
    stretched: Array = (values - low) / np.where(high > low, high - low, 1)
    return stretched
