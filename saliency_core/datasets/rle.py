"""COCO's run-length encoding of masks.

A mask is read column by column; the counts are the lengths of its runs of zeros, ones, zeros, … beginning with zeros
(0 if the first pixel is set). Compressed, each count is a text of characters 48 … 111 that carry 5 bits each, the
least significant first; bit 6 says that more follow; from the fourth count on, the difference to the count two
before is written. Source: the format of the COCO API (cocoapi, maskApi).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def decompressed_counts(text: str | bytes) -> list[int]:
    """The counts of a compressed string. Raises ValueError."""
    data = text.encode("latin-1", "replace") if isinstance(text, str) else text
    counts: list[int] = []
    value = shift = 0
    for byte in data:
        digit = byte - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError("its RLE string has a character that does not belong there")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its RLE string breaks off")
    return counts


def decode_rle(counts: Sequence[int] | str | bytes, height: int, width: int) -> npt.NDArray[np.bool_]:
    """bool [height, width] from counts or a compressed string. Raises ValueError unless they fill the mask
    exactly.
    """
    runs = np.asarray(decompressed_counts(counts) if isinstance(counts, (str, bytes)) else counts, np.int64)
    if runs.ndim != 1 or (runs < 0).any() or (runs > height * width).any():
        raise ValueError("its RLE counts are not lengths")
    if runs.sum() != height * width:
        raise ValueError(f"its RLE counts add up to {runs.sum()} instead of {height} × {width} pixels")
    values = np.arange(runs.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)
