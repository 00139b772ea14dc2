"""Smooth masks: the family of masks that extremal perturbations are searched in."""

from __future__ import annotations

import math
from dataclasses import dataclass

from saliency_core.lazy import functional, torch

SHARPNESS = 20.0  # 1/T of the smooth maximum


@dataclass(frozen=True)
class SmoothMasks:
    """m(u) = smax_v k((u − v) / σ) p(v) / smax_v k((u − v) / σ), from parameters p on a coarse grid of points v.

    smax(f) = Σ f exp(20 f) / Σ exp(20 f) is the smooth maximum and k(z) = exp(−2 max(0, ‖z‖ − ½)²). A point
    with p = 1 makes a soft disc; the union of discs has no details finer than these. The divisor makes m = 1
    where all p are 1; without it the border, which has fewer points around it, would differ from the middle
    and be preferred or avoided for that alone. Points lie at the
    centres of cells of ``step`` pixels; points more than ``reach`` cells away do not count. The mask is
    computed at every ``spacing``-th pixel and interpolated between, which is exact enough for something
    this smooth.

    Source: Fong et al., ICCV 2019, section 3.3 (with the kernel of the authors' code).
    """

    height: int
    width: int
    step: int
    reach: int
    spacing: int
    kernel: torch.Tensor  # k for every neighbouring cell and computed pixel, [(2 reach + 1)², h, w]
    largest: torch.Tensor  # the smooth maximum of k alone, [h, w]

    @property
    def grid(self) -> tuple[int, int]:
        """Points down and across."""
        return math.ceil(self.height / self.step), math.ceil(self.width / self.step)

    def coarse(self, parameters: torch.Tensor) -> torch.Tensor:
        """Masks [N, h, w] at the computed pixels, in [0, 1], from ``parameters`` [N, *grid] in [0, 1]."""
        side = 2 * self.reach + 1
        neighbours = functional.unfold(parameters[:, None], side, padding=self.reach)
        neighbours = neighbours.view(len(parameters), side**2, *self.grid)
        rows, columns = (
            _cells(length, self.step, self.spacing, parameters.device) for length in (self.height, self.width)
        )
        largest = _smooth_maximum(self.kernel * neighbours[:, :, rows][:, :, :, columns])
        # A smooth maximum is not monotonic: a few points at 1 can give a little more than all of them.
        return (largest / self.largest).clamp(max=1)

    def full(self, coarse: torch.Tensor) -> torch.Tensor:
        """Masks [N, H, W] at all pixels from those at the computed ones [N, h, w]."""
        if self.spacing == 1:
            return coarse
        size = (coarse.shape[1] * self.spacing, coarse.shape[2] * self.spacing)
        masks = functional.interpolate(coarse[:, None], size=size, mode="bilinear", align_corners=False)
        return masks[:, 0, : self.height, : self.width]


def smooth_masks(
    height: int, width: int, step: float, sigma: float, device: torch.device | str = "cpu"
) -> SmoothMasks:
    """The family for an image's size; ``step`` between points and ``sigma`` of the discs in pixels."""
    cell = max(1, round(step))
    reach = 1 + math.ceil(sigma / cell)
    spacing = 2 if cell >= 4 else 1
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)

    def distances(length: int) -> torch.Tensor:
        """From each computed pixel to the point of each neighbouring cell, [2 reach + 1, computed pixels];
        infinite where there is no such cell.
        """
        cells = _cells(length, cell, spacing, "cpu") + offsets[:, None]
        far = _places(length, spacing) - ((cells + 0.5) * cell - 0.5)
        outside = (cells < 0) | (cells >= math.ceil(length / cell))
        return far.masked_fill(outside, math.inf)

    down, across = distances(height), distances(width)
    far = (down[:, None, :, None] ** 2 + across[None, :, None, :] ** 2).sqrt() / sigma
    kernel = torch.exp(-2 * (far - 0.5).clamp(min=0) ** 2).flatten(0, 1).to(device, torch.float32)
    return SmoothMasks(height, width, cell, reach, spacing, kernel, _smooth_maximum(kernel[None])[0])


def _smooth_maximum(values: torch.Tensor) -> torch.Tensor:
    """smax over the second axis of [N, M, h, w]."""
    return (values * (SHARPNESS * values).softmax(1)).sum(1)


def _places(length: int, spacing: int) -> torch.Tensor:
    """Coordinates of the computed pixels along an axis, in the middle of each ``spacing`` pixels."""
    return torch.arange(math.ceil(length / spacing), dtype=torch.float64) * spacing + (spacing - 1) / 2


def _cells(length: int, step: int, spacing: int, device: torch.device | str) -> torch.Tensor:
    """The cell that each computed pixel lies in."""
    cells = ((_places(length, spacing) + 0.5) // step).long()
    return cells.clamp(max=math.ceil(length / step) - 1).to(device)
