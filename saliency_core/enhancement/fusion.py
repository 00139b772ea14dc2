"""Putting the maps of windows together."""

from __future__ import annotations

from saliency_core.enhancement.windows import WindowGrid
from saliency_core.lazy import functional, torch


def resized(values: torch.Tensor, size: tuple[int, int], antialias: bool = False) -> torch.Tensor:
    """φ: maps [N, h, w] or pictures [N, 3, h, w] at ``size``: bilinear, half-pixel centres."""
    flat = values if values.ndim == 4 else values[:, None]
    scaled = functional.interpolate(
        flat, size=size, mode="bilinear", align_corners=False, antialias=antialias
    )
    return scaled.view(*values.shape[:-2], *size)


def fused(
    whole: torch.Tensor,
    windows: torch.Tensor,
    weights: torch.Tensor,
    grid: WindowGrid,
    base_term: str = "per_window",
    coverage_normalise: bool = False,
) -> torch.Tensor:
    """S' = Σₖ (αₖ sₖ + S₀|ₖ) on the image's grid, [B, H, W].

    ``whole`` [B, H, W] is S₀, ``windows`` [B, windows, window, window] are the sₖ, ``weights`` [B, windows]
    the αₖ. ``base_term`` "per_window" is the equation, in which S₀ counts once for each window that covers
    a pixel; "once" adds S₀ a single time; "none" leaves it out. ``coverage_normalise`` divides the sum over
    windows by the number of windows at each pixel (an S₀ added once is not divided).

    Source: thesis, equation 4-8.
    """
    coverage = grid.coverage().to(whole.device)
    total = torch.zeros_like(whole)
    for number, (top, left) in enumerate(grid.corners):
        area = total[:, top : top + grid.window, left : left + grid.window]
        area += weights[:, number, None, None] * windows[:, number]
    if base_term == "per_window":
        total += coverage * whole
    if coverage_normalise:
        total /= coverage
    return total + whole if base_term == "once" else total
