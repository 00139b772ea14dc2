"""What shows where the image is taken away."""

from __future__ import annotations

from saliency_core.lazy import kornia, torch


def blurred_canvas(images: torch.Tensor, kernel: int = 51, sigma: float = 50.0) -> torch.Tensor:
    """Normalised images [B, 3, H, W] blurred with a Gaussian of ``kernel`` taps (odd) and ``sigma`` pixels.

    Borders are reflected without repeating the edge pixel, so H and W must exceed kernel // 2. The weights
    sum to 1, hence blurring before or after the per-channel normalisation is the same.
    """
    return kornia.filters.gaussian_blur2d(images, (kernel, kernel), (sigma, sigma), border_type="reflect")


def zero_canvas(images: torch.Tensor) -> torch.Tensor:
    """Zeros in normalised space, that is the mean colour."""
    return torch.zeros_like(images)
