"""What shows where the image is taken away."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from saliency_core.errors import ParameterError
from saliency_core.lazy import functional, torch
from saliency_core.scoring.precision import numeric_precision

if TYPE_CHECKING:
    from saliency_core.classifiers.preprocessing import Preprocessing


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
    height, width = images.shape[-2:]
    rows, columns = (
        _blur(length, kernel, sigma, images.device).to(images.dtype) for length in (height, width)
    )
    with numeric_precision("fp32", images.device):
        return rows @ images @ columns.T


@lru_cache(maxsize=16)
def _blur(length: int, taps: int, sigma: float, device: torch.device) -> torch.Tensor:
    """The matrix float64 [length, length] that blurs a line of pixels: two products of matrices take a seventh of the
    time of two convolutions with 51 taps.
    """
    offsets = np.arange(taps) - taps // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    source = np.abs(np.arange(length)[:, None] + offsets)
    source = np.where(source < length, source, 2 * (length - 1) - source)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (np.arange(length)[:, None], source), weights / weights.sum())
    with torch.inference_mode(False):  # it is kept, and gradients may pass through it later
        return torch.from_numpy(matrix).to(device)


def shown_through(
    masks: torch.Tensor, images: torch.Tensor, canvas: torch.Tensor, image: torch.Tensor
) -> torch.Tensor:
    """Pictures [N, 3, H, W]: image number ``image[n]`` where mask n [N, H, W] is 1, its canvas where it is 0, and their
    mixture in between. ``images`` and ``canvas`` [B, 3, H, W], ``image`` int64 [N].
    """
    return torch.lerp(numbered(canvas, image), numbered(images, image), masks[:, None])


def numbered(images: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """The images [N, 3, H, W] of these numbers int64 [N] out of [B, 3, H, W]; of a single one without copying it."""
    return images.expand(len(image), -1, -1, -1) if len(images) == 1 else images[image]


def rise_canvas(images: torch.Tensor, kernel: int = 11, sigma: float = 5.0) -> torch.Tensor:
    """Normalised images [B, 3, H, W] blurred as RISE does for insertion; see rise_kernel.

    Zeros are padded in normalised space, so borders fade towards the mean colour.
    """
    weights = torch.from_numpy(rise_kernel(kernel, sigma)).to(images)
    with numeric_precision("fp32", images.device):
        return functional.conv2d(images, weights.expand(3, 1, kernel, kernel), padding=kernel // 2, groups=3)


@cache
def rise_kernel(kernel: int = 11, sigma: float = 5.0) -> npt.NDArray[np.float64]:
    """RISE's blur [kernel, kernel], kernel odd, sum 1: a single one smoothed inside the small window itself.

    SciPy mirrors the window at its borders, edge included, so what a Gaussian of ``sigma`` pixels would spread
    beyond them comes back: 11 taps and sigma 5 give an almost flat square (.00774 to .00883) and no truncated
    Gaussian. Source: github.com/eclique/RISE at d91ea00, evaluation.py, gkern.
    """
    from scipy.ndimage import gaussian_filter

    spike = np.zeros((kernel, kernel))
    spike[kernel // 2, kernel // 2] = 1
    smoothed: npt.NDArray[np.float64] = gaussian_filter(spike, sigma, mode="reflect", truncate=4.0)
    return smoothed


def zero_canvas(images: torch.Tensor) -> torch.Tensor:
    """Zeros in normalised space, that is the mean colour."""
    return torch.zeros_like(images)


def mean_canvas(images: torch.Tensor) -> torch.Tensor:
    """Each image [B, 3, H, W] replaced by its own mean colour everywhere."""
    return images.mean((2, 3), keepdim=True).expand_as(images)


def black_canvas(images: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Black, that is 0 in [0, 1] space, as it is in the normalised space of images [B, 3, H, W]: −mean / std.

    ``preprocessing`` is that of the classifier that takes the images.
    """
    black = torch.tensor(
        [-mean / std for mean, std in zip(preprocessing.mean, preprocessing.std, strict=True)]
    )
    return black.to(images)[:, None, None].expand_as(images)
