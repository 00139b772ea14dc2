"""Keep-masks made from feature maps."""

from __future__ import annotations

import numpy as np

from saliency_core.lazy import torch

# Relative range below which a map counts as constant. A constant feature map leaves a convolution with rounding
# errors of a few 1e-6 that depend on the batch; stretched to [0, 1] they would be a mask of noise.
FLAT = 1e-5


def is_flat(maps: torch.Tensor, tolerance: float = FLAT) -> torch.Tensor:
    """Which of the maps [..., h, w] are constant (or undefined), bool [...]: max − min ≤ tolerance · max|·|."""
    low, high = maps.amin((-2, -1)), maps.amax((-2, -1))
    # Written so that a comparison with NaN, which is false, makes the map flat.
    return ~(high - low > tolerance * torch.maximum(low.abs(), high.abs()))


def unit_range(maps: torch.Tensor) -> torch.Tensor:
    """Each map of [..., h, w] stretched to [0, 1]; one whose values are all equal becomes zeros."""
    low, high = maps.amin((-2, -1), keepdim=True), maps.amax((-2, -1), keepdim=True)
    return (maps - low).div_(torch.where(high > low, high - low, torch.ones_like(high)))


def percentile(values: torch.Tensor, theta: float) -> torch.Tensor:
    """The ``theta``-th percentile (0 … 100) over the last dimension, counted from the smallest value up and
    interpolated linearly, as NumPy's: 70.3 for the values 1 … 100 and θ = 70.
    """
    position = (values.shape[-1] - 1) * theta / 100
    below = int(position)
    if position == below:
        return _ordered(values, [below])[0]
    low, high = _ordered(values, [below, below + 1])
    return low + (high - low) * (position - below)


def _ordered(values: torch.Tensor, places: list[int]) -> list[torch.Tensor]:
    """Those values [...] that stand at these places, from 0, of the last dimension in ascending order."""
    if values.device.type == "cpu":
        # Finds all in one go, in a third of the time of torch's kthvalue.
        found = np.partition(values.detach().numpy(), places, axis=-1)[..., places]
        return list(torch.from_numpy(found).unbind(-1))
    # Counts from 1. torch.quantile would do, but sorts, and refuses more than 16 million values.
    return [values.kthvalue(place + 1, dim=-1).values for place in places]


def above_percentile(maps: torch.Tensor, theta: float) -> torch.Tensor:
    """Maps [..., h, w] with the values that do not exceed the map's own ``theta``-th percentile set to zero: of the
    values 1 … 100, θ = 70 leaves the 30 above 70.3.
    """
    threshold = percentile(maps.flatten(-2), theta)
    return torch.where(maps > threshold[..., None, None], maps, torch.zeros_like(maps))
