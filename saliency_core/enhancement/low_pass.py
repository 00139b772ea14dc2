"""The ideal low-pass filter that smooths the fused map."""

from __future__ import annotations

from saliency_core.enhancement.windows import USUAL_SIZE
from saliency_core.lazy import torch


def kept_frequencies(height: int, width: int, cutoff: float = 35.0) -> torch.Tensor:
    """The transfer function H of equation 4-10, bool [H, W], in the order of torch.fft.fft2 (zero first).

    True where the distance D of the coefficient's indices to the zero frequency is at most ``cutoff``, in
    cycles per image for an image of 224 pixels. The frequencies of other sizes are scaled, so that the same
    wavelength in pixels is cut; an axis of 448 pixels keeps twice as many indices. Indices are counted from
    the zero frequency itself: counted from the middle of an even axis, the mask would not be symmetric and
    the filtered map not real.

    >>> int(kept_frequencies(224, 224, 35).sum())
    3853
    """

    def cycles(length: int) -> torch.Tensor:
        index = torch.arange(length, dtype=torch.float64)
        return torch.minimum(index, length - index) * USUAL_SIZE / length

    return cycles(height)[:, None].square() + cycles(width).square() <= cutoff**2


def low_pass(maps: torch.Tensor, cutoff: float = 35.0) -> torch.Tensor:
    """Maps [B, H, W] without the frequencies above ``cutoff`` (see kept_frequencies), float32 [B, H, W].

    A projection: filtering twice is filtering once, and a constant stays as it is. Ripples near edges may
    fall below zero; they are kept. Computed in float64.

    Source: thesis, equations 4-9 and 4-10.
    """
    kept = kept_frequencies(maps.shape[-2], maps.shape[-1], cutoff).to(maps.device)
    spectrum = torch.fft.fft2(maps.to(torch.float64))
    return torch.fft.ifft2(spectrum * kept).real.to(torch.float32)
