"""Bootstrap replicates of figures that are functions of sums over images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saliency_core.statistics.tables import Combine, Floats, Table, evaluate, is_sparse

_CHUNK_ELEMENTS = 1_000_000  # draws held at once: 8 MB of image numbers, 8 MB of weights


def replicates(
    sums: Sequence[Table], combines: Sequence[Combine], resamples: int = 2000, seed: int = 0
) -> Floats:
    """The figures [resamples, figures] of samples of as many images, drawn with replacement, the same for
    all figures (Efron & Tibshirani 1993, chapter 6).

    ``sums``: of each figure [images, k] (images ≥ 1, the same images in the same order), see
    tables.image_sums. The draws are those of ``default_rng(seed).integers(0, images)``, image after image,
    and depend on nothing else. Time grows with resamples × images × (columns, or share of entries that are
    not zero); memory does not grow with resamples × images.
    """
    images = sums[0].shape[0]
    stack = _Stack.of(sums)
    generator = np.random.default_rng(seed)
    result = np.empty((resamples, len(sums)))
    rows = min(resamples, max(1, _CHUNK_ELEMENTS // images))
    weights = np.empty((rows, images))
    for start in range(0, resamples, rows):
        count = min(rows, resamples - start)
        # How often each image was drawn, per resample: one matrix product then gives every figure's sums.
        for row, drawn in zip(weights, generator.integers(0, images, size=(count, images)), strict=False):
            row[:] = np.bincount(drawn, minlength=images)
        for figure, totals in stack.totals(weights[:count]):
            result[start : start + count, figure] = evaluate(combines[figure], totals)
    return result


@dataclass(frozen=True)
class _Stack:
    """The dense tables side by side, and the sparse ones side by side and transposed."""

    dense: Floats | None
    dense_slices: list[tuple[int, slice]]
    sparse: Table | None
    sparse_slices: list[tuple[int, slice]]

    @classmethod
    def of(cls, sums: Sequence[Table]) -> _Stack:
        dense = [number for number, table in enumerate(sums) if not is_sparse(table)]
        sparse = [number for number, table in enumerate(sums) if is_sparse(table)]
        transposed = None
        if sparse:
            from scipy.sparse import vstack

            transposed = vstack([sums[number].T for number in sparse], format="csr")
        return cls(
            np.concatenate([sums[number] for number in dense], axis=1) if dense else None,
            _slices(sums, dense),
            transposed,
            _slices(sums, sparse),
        )

    def totals(self, weights: Floats) -> Iterator[tuple[int, Floats]]:
        """(Number of the figure, its sums [resamples, k]) under ``weights`` [resamples, images]."""
        if self.dense is not None:
            product = weights @ self.dense
            for figure, columns in self.dense_slices:
                yield figure, product[:, columns]
        if self.sparse is not None:
            # Sparse × dense is quick where each image's weights lie together.
            product = (self.sparse @ np.ascontiguousarray(weights.T)).T
            for figure, columns in self.sparse_slices:
                yield figure, product[:, columns]


def _slices(sums: Sequence[Table], numbers: Sequence[int]) -> list[tuple[int, slice]]:
    found, start = [], 0
    for number in numbers:
        width = sums[number].shape[1]
        found.append((number, slice(start, start + width)))
        start += width
    return found
