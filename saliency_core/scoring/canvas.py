"""What shows where the image is taken away."""

from __future__ import annotations

from saliency_core.errors import ParameterError
from saliency_core.lazy import kornia, torch


def blurred_canvas(images: torch.Tensor, kernel: int = 51, sigma: float = 50.0) -> torch.Tensor:
    """Normalised images [B, 3, H, W] blurred with a Gaussian of ``kernel`` taps (odd) and ``sigma`` pixels.

    Borders are reflected without repeating the edge pixel, so H and W must exceed kernel // 2. The weights
    sum to 1, hence blurring before or after the per-channel normalisation is the same. Raises
    ParameterError.
    """
    if kernel < 1 or kernel % 2 == 0:
        raise ParameterError(f"The blur's kernel must have an odd number of pixels; got {kernel}.")
    shorter = min(images.shape[-2:])
    if shorter <= kernel // 2:
        raise ParameterError(
            f"A blur with a kernel of {kernel} pixels needs images of at least {kernel // 2 + 1} pixels a "
            f"side; these have {shorter}. Choose a smaller kernel."
        )
    return kornia.filters.gaussian_blur2d(images, (kernel, kernel), (sigma, sigma), border_type="reflect")


def zero_canvas(images: torch.Tensor) -> torch.Tensor:
    """Zeros in normalised space, that is the mean colour."""
    return torch.zeros_like(images)


def mean_canvas(images: torch.Tensor) -> torch.Tensor:
    """Each image [B, 3, H, W] replaced by its own mean colour everywhere."""
    return images.mean((2, 3), keepdim=True).expand_as(images)
