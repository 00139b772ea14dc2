"""Filling removed pixels in from their neighbours: the linear imputation of ROAD, without its noise.

Every removed pixel is to be the weighted mean of its eight neighbours, direct ones with 1/6, diagonal ones with
1/12, removed or not; weights of neighbours beyond the border are left out. Where pixels are removed together this
is a large sparse system. It is solved by conjugate gradients with a multigrid cycle as the preconditioner, all
masks of one image at once, so that a GPU can do it too; about ten iterations whatever the size of the holes.

Source of the system: Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022,
and its code, github.com/tleemann/road_evaluation (there a direct solver, one mask after the other). Of the solver:
Braess, Towards algebraic multigrid for elliptic problems of second order, Computing 1995 (plain aggregation with
over-correction).
"""

from __future__ import annotations

from saliency_core.lazy import functional, torch
from saliency_core.scoring.precision import numeric_precision

_DIRECT, _DIAGONAL = 1 / 6, 1 / 12
_DAMPING = 0.8  # of Jacobi steps
_OVER_CORRECTION = 1.5  # a correction that is constant on blocks comes out too small
_COARSEST_STEPS = 8
_COARSEST_SIDE = 7
_TOLERANCE = 1e-5  # of the last correction, in units of pixel values; noise in ROAD is 1e-2
_MOST_ITERATIONS = 200
_TINY = 1e-30  # below every product of a plane that is not solved yet


def imputed(image: torch.Tensor, removed: torch.Tensor) -> torch.Tensor:
    """Copies float32 [M, 3, H, W] of an image [3, H, W] with the pixels of each mask, bool [M, H, W], filled in.

    The pixels that a mask leaves come back unchanged; it must leave at least one. What is filled in lies within the
    range of the pixels left, but for an error of a few 1e-4 of it. Since weights sum to 1 it makes no difference
    whether the image is normalised.
    """
    with torch.inference_mode(), numeric_precision("fp32", image.device):
        image = image.float()
        height, width = image.shape[-2:]
        holes = removed[:, None]
        unknown = holes.float()
        left = 1 - unknown
        # Taken off, so that the iteration starts near the solution.
        mean = (image * left).sum((2, 3), keepdim=True) / left.sum((2, 3), keepdim=True)
        leak = unknown * _weighted_neighbours(left)
        right = unknown * _weighted_neighbours((image - mean) * left)
        # Blocks of blocks need sides that can be halved; what is added is coupled to nothing.
        multiple = 1
        while max(height, width) > multiple * _COARSEST_SIDE:
            multiple *= 2
        margin = (0, -width % multiple, 0, -height % multiple)
        unknown, leak, right = (functional.pad(values, margin) for values in (unknown, leak, right))
        solution = _solved(_Grid.finest(unknown, leak), right)[..., :height, :width]
        return torch.where(holes, solution + mean, image)


def _weighted_neighbours(values: torch.Tensor) -> torch.Tensor:
    """Weighted sum of the eight neighbours inside the borders, for values [M, C, H, W]."""
    padded = functional.pad(values, (1, 1, 1, 1))
    rows = padded[..., :-2, :] + 2 * padded[..., 1:-1, :] + padded[..., 2:, :]
    nine = rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]
    return (nine - 4 * values) * _DIAGONAL


def _solved(grid: _Grid, right: torch.Tensor) -> torch.Tensor:
    """x [M, C, H, W] with A x = ``right``; zero where nothing is unknown."""
    solution, residual = torch.zeros_like(right), right.clone()
    direction, before = torch.zeros_like(right), torch.ones_like(right[..., :1, :1])
    for _ in range(_MOST_ITERATIONS):
        correction = grid.cycle(residual)
        if float(correction.abs().amax()) < _TOLERANCE:
            break
        product = _dot(residual, correction)
        direction = correction + product / before * direction
        moved = grid.apply(direction)
        step = product / _dot(direction, moved).clamp_min(_TINY)
        solution += step * direction
        residual -= step * moved
        before = product.clamp_min(_TINY)
    return solution


def _dot(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first * second).sum((2, 3), keepdim=True)


def _block_sums(values: torch.Tensor) -> torch.Tensor:
    """Sums over blocks of 2 × 2, [..., H, W] → [..., H / 2, W / 2]."""
    rows = values[..., 0::2, :] + values[..., 1::2, :]
    return rows[..., 0::2] + rows[..., 1::2]


class _Grid:
    """The system on one level, and those on the coarser ones below it.

    Unknowns are the nodes of a graph on the pixels [M, 1, H, W]: A x = diagonal · x − Σ coupling · neighbour. Each
    coupling is kept once per pair of pixels: ``right`` [H, W − 1] and ``down`` [H − 1, W]; ``falling`` (to the lower
    right) and ``rising`` (from the lower left to the upper right), [H − 1, W − 1]. ``leak``: couplings to known
    pixels, which make A definite. A coarser node is a block of 2 × 2: leaks add up, so do couplings across borders
    of blocks, those within vanish. That is exactly Pᵀ A P where P gives a block's value to its pixels.
    """

    def __init__(
        self,
        right: torch.Tensor,
        down: torch.Tensor,
        falling: torch.Tensor,
        rising: torch.Tensor,
        leak: torch.Tensor,
    ) -> None:
        self.right, self.down, self.falling, self.rising, self.leak = right, down, falling, rising, leak
        diagonal = leak.clone()
        for coupling, (one, other) in zip(self._couplings, _pairs(diagonal), strict=True):
            one += coupling
            other += coupling
        unknown = diagonal > 0
        self.diagonal = diagonal
        self.jacobi = torch.where(unknown, _DAMPING / torch.where(unknown, diagonal, 1), 0)
        self.spread = _OVER_CORRECTION * unknown
        self.coarser = self._blocks() if max(leak.shape[-2:]) > _COARSEST_SIDE else None

    @classmethod
    def finest(cls, unknown: torch.Tensor, leak: torch.Tensor) -> _Grid:
        """The system of the pixels where ``unknown`` float32 [M, 1, H, W] is 1."""
        right, down, falling, rising = (one * other for one, other in _pairs(unknown))
        return cls(_DIRECT * right, _DIRECT * down, _DIAGONAL * falling, _DIAGONAL * rising, leak)

    def apply(self, values: torch.Tensor) -> torch.Tensor:
        """A x for x [M, C, H, W]."""
        result = self.diagonal * values
        for coupling, (one, other), (first, second) in zip(
            self._couplings, _pairs(result), _pairs(values), strict=True
        ):
            one.addcmul_(coupling, second, value=-1)
            other.addcmul_(coupling, first, value=-1)
        return result

    def cycle(self, right: torch.Tensor) -> torch.Tensor:
        """An approximation of A⁻¹ ``right`` [M, C, H, W], linear and symmetric: a W-cycle."""
        result = self.jacobi * right
        if self.coarser is None:
            for _ in range(_COARSEST_STEPS):
                result += self.jacobi * (right - self.apply(result))
            return result
        rest = _block_sums(right - self.apply(result))
        correction = self.coarser.cycle(rest)
        if self.coarser.coarser is not None:
            correction = correction + self.coarser.cycle(rest - self.coarser.apply(correction))
        result += self.spread * correction.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        result += self.jacobi * (right - self.apply(result))
        return result

    @property
    def _couplings(self) -> tuple[torch.Tensor, ...]:
        return self.right, self.down, self.falling, self.rising

    def _blocks(self) -> _Grid:
        right, down = self.right[..., 1::2], self.down[..., 1::2, :]
        falling, rising = self.falling, self.rising
        return _Grid(
            right[..., 0::2, :] + right[..., 1::2, :] + falling[..., 0::2, 1::2] + rising[..., 0::2, 1::2],
            down[..., 0::2] + down[..., 1::2] + falling[..., 1::2, 0::2] + rising[..., 1::2, 0::2],
            falling[..., 1::2, 1::2],
            rising[..., 1::2, 1::2],
            _block_sums(self.leak),
        )


def _pairs(values: torch.Tensor) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """Views of [..., H, W] at both ends of the couplings right, down, falling and rising."""
    return (
        (values[..., :-1], values[..., 1:]),
        (values[..., :-1, :], values[..., 1:, :]),
        (values[..., :-1, :-1], values[..., 1:, 1:]),
        (values[..., :-1, 1:], values[..., 1:, :-1]),
    )
