"""The random masks of RISE: one set for all images and classes, made a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

from saliency_core.lazy import torch


class RandomMasks:
    """``count`` smooth random keep-masks of ``size`` (height, width), wholly determined by the arguments.

    A grid of cells × cells values, each 1 with ``probability``, is enlarged bilinearly to (cells + 1)·⌈H/cells⌉
    by (cells + 1)·⌈W/cells⌉ pixels, and H × W pixels are cut out at a uniform offset below ⌈H/cells⌉, ⌈W/cells⌉.
    The enlargement samples at (y + ½)·cells/L − ½ and mirrors positions beyond the outermost cells without
    repeating these, as scikit-image's resize does (order 1, mode "reflect"); interpolation with clamped
    positions would differ by up to 0.74 near the borders.

    Only grids and offsets are kept, count · (cells² + 2) small numbers; masks exist a chunk at a time.

    Source: Petsiuk et al., RISE, BMVC 2018, section 3.3, and its code (explanations.py).
    """

    def __init__(
        self, size: tuple[int, int], count: int, cells: int = 7, probability: float = 0.5, seed: int = 0
    ) -> None:
        """``cells`` at least 2. torch's global random state is not used."""
        self.size, self.count, self.cells = size, count, cells
        generator = torch.Generator().manual_seed(seed)
        self._grids = torch.rand(count, cells, cells, generator=generator) < probability
        # Per axis: the side of a cell and where each mask is cut out.
        self._sides = [-(-length // cells) for length in size]
        self._offsets = [torch.randint(side, (count,), generator=generator) for side in self._sides]

    def chunk(self, first: int, last: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Masks number ``first`` … ``last`` − 1, float32 [last − first, H, W] in [0, 1]."""
        rows, columns = (self._interpolation(axis, first, last, device) for axis in (0, 1))
        grids = self._grids[first:last].to(device, torch.float32)
        return rows @ grids @ columns.transpose(1, 2)

    def chunks(self, size: int, device: torch.device | str = "cpu") -> Iterator[torch.Tensor]:
        """All masks in order, at most ``size`` at a time."""
        for first in range(0, self.count, size):
            yield self.chunk(first, min(first + size, self.count), device)

    def _interpolation(self, axis: int, first: int, last: int, device: torch.device | str) -> torch.Tensor:
        """The weight of every cell for every pixel along one axis, [last − first, pixels, cells]."""
        side, cells = self._sides[axis], self.cells
        positions = (torch.arange(self.size[axis]) + self._offsets[axis][first:last, None]).to(device)
        centres = (positions.double() + 0.5) / side * cells / (cells + 1) - 0.5
        below = centres.floor()
        fraction = (centres - below).float()[..., None]
        lower, upper = (_mirrored(below.long() + step, cells) for step in (0, 1))
        every = torch.arange(cells, device=positions.device)
        return (lower[..., None] == every) * (1 - fraction) + (upper[..., None] == every) * fraction


def _mirrored(cell: torch.Tensor, cells: int) -> torch.Tensor:
    """−1 becomes 1 and ``cells`` becomes cells − 2: the outermost cell is the mirror and is not repeated."""
    cell = cell.abs()
    return torch.where(cell >= cells, 2 * (cells - 1) - cell, cell)
