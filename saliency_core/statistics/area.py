"""Area under a score curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def trapezoid_area(curves: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Area over a unit interval of curves [..., n + 1] of equidistant scores: (Σ p − p₀/2 − pₙ/2) / n
    (RISE's rule).
    """
    scores = np.asarray(curves, dtype=np.float64)
    steps = scores.shape[-1] - 1
    if steps < 1:
        raise ValueError("A curve needs at least two points.")
    return (scores.sum(-1) - scores[..., 0] / 2 - scores[..., -1] / 2) / steps
