"""How far our figures and maps are from a peer's, in words; "DIFFERS" where it is more than rounding explains."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from saliency_core.lazy import functional, torch

Array = npt.NDArray[np.float32]
Agreement = Callable[[Array, Array], str]


def areas(ours: Array, theirs: Array, tolerance: float = 0.01) -> str:
    """Areas under curves, in points of 100."""
    largest = 100 * np.abs(ours - theirs).max()
    return _said(f"areas within {largest:.4f} points of 100", largest <= tolerance)


def curves(ours: Array, theirs: Array, tolerance: float = 1e-3) -> str:
    """Probabilities along a curve."""
    largest = np.abs(ours - theirs).max()
    return _said(f"probabilities within {largest:.1e}", largest <= tolerance)


def overall(ours: Array, theirs: Array, tolerance: float = 0.05) -> str:
    """Figures with noise of their own on either side."""
    largest = np.abs(ours - theirs).max()
    return _said(f"LeRF − MoRF {ours.mean():.3f} and {theirs.mean():.3f}", largest <= tolerance)


def maps(ours: Array, theirs: Array, tolerance: float = 1e-3) -> str:
    """Maps stretched to [0, 1]; those of a layer's size are enlarged bilinearly first."""
    enlarged = functional.interpolate(
        torch.from_numpy(theirs)[:, None], size=ours.shape[1:], mode="bilinear", align_corners=False
    )[:, 0].numpy()
    difference = np.abs(_stretched(ours) - _stretched(enlarged))
    return _said(
        f"maps within {difference.max():.1e}, on average {difference.mean():.1e}",
        float(difference.mean()) <= tolerance,
    )


def _stretched(values: Array) -> Array:
    low, high = values.min((1, 2), keepdims=True), values.max((1, 2), keepdims=True)
    return (values - low) / np.where(high > low, high - low, 1)


def _said(text: str, agrees: bool) -> str:
    return text if agrees else f"{text} (DIFFERS)"
