"""Groups of feature maps as masks: how channels are grouped, and how a group's map is cleaned."""

from __future__ import annotations

from collections.abc import Sequence

from saliency_core.descriptions import Parameter
from saliency_core.lazy import functional, torch
from saliency_core.scoring.masks import is_flat, percentile, unit_range

GROUPINGS = ("chunk", "even")
PERCENTILE_SCOPES = ("group", "joint")
ROUNDING = (
    1e-12  # of a map's largest value, in double precision: far below what two different pixels differ by
)


def blur_parameters(source: str) -> tuple[Parameter, Parameter]:
    """Kernel and sigma of the blurred image that shows where a group's mask is 0."""
    return (
        Parameter(
            name="blur_kernel",
            kind="integer",
            default=51,
            minimum=1,
            maximum=501,
            title="Blur kernel",
            help="Width of the blur that hides the rest of the image; odd, less than twice the image's side.",
            unit="px",
            source=source,
        ),
        Parameter(
            name="blur_sigma",
            kind="number",
            default=50.0,
            minimum=0.1,
            maximum=500.0,
            title="Blur sigma",
            help="Standard deviation of the Gaussian blur. 50 with a kernel of 51 is almost a box filter.",
            unit="px",
            source=source,
        ),
    )


def group_sizes(channels: int, groups: int, grouping: str) -> list[int]:
    """Channels in each group of neighbours; at most one group a channel.

    ``chunk``: all groups but the last have ⌈channels / groups⌉, which may give fewer groups than asked for;
    ``even``: as many groups as asked for, their sizes differing by at most one, the larger first.

    >>> group_sizes(10, 4, "chunk"), group_sizes(10, 4, "even")
    ([3, 3, 3, 1], [3, 3, 2, 2])
    """
    groups = min(groups, channels)
    if grouping == "even":
        return [channels // groups + (number < channels % groups) for number in range(groups)]
    size = -(-channels // groups)
    return [min(size, channels - first) for first in range(0, channels, size)]


def grouped_sum(features: torch.Tensor, weights: torch.Tensor, sizes: Sequence[int]) -> torch.Tensor:
    """Σ_{k∈r} wₖ Aᵏ for each group r, [B, G, h, w], of features [B, K, h, w] and weights [B, K]."""
    weighted = (features * weights[:, :, None, None]).split(list(sizes), dim=1)
    return torch.stack([group.sum(1) for group in weighted], dim=1)


def interpolation_matrix(size: int, target: int) -> torch.Tensor:
    """float64 [target, size]: times a line of ``size`` values it is that line upsampled to ``target`` (linear,
    half-pixel centres).
    """
    lines = torch.eye(size, dtype=torch.float64)[None]
    return functional.interpolate(lines, size=target, mode="linear", align_corners=False)[0].T


def upsampling_weights(size: int, target: int) -> torch.Tensor:
    """Weights float64 [size] whose weighted sum of a line equals the plain mean of that line upsampled to ``target``.

    They are the column sums of the interpolation matrix, divided by its rows. For a whole factor they are all
    1 / size; else they are not, and the plain mean of the line is not what is wanted.
    """
    return interpolation_matrix(size, target).mean(0)


def sum_of_upsampled(parts: Sequence[torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
    """Σ_t φ(M_t) [B, G, H, W], φ bilinear interpolation to ``size``, of maps M_t float64 [B, G, h_t, w_t].

    As products with the interpolation matrices of rows and columns, φ(M) = R M Cᵀ, where one product sums over
    t too: the large maps are written once, not once for each t.
    """
    device = parts[0].device
    rows = torch.cat([interpolation_matrix(maps.shape[2], size[0]) for maps in parts], dim=1).to(device)
    columns = [maps @ interpolation_matrix(maps.shape[3], size[1]).T.to(device) for maps in parts]
    return rows @ torch.cat(columns, dim=2)


def mean_after_upsampling(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Mean over space [B, K] of maps [B, K, h, w] upsampled to ``size``, without upsampling them."""
    rows = upsampling_weights(maps.shape[2], size[0]).to(maps.device, maps.dtype)
    columns = upsampling_weights(maps.shape[3], size[1]).to(maps.device, maps.dtype)
    return (maps * (rows[:, None] * columns)).sum((2, 3))


def denoised(maps: torch.Tensor, theta: float, scope: str) -> torch.Tensor:
    """Maps [B, G, H, W] with what is not above their ``theta``-th percentile set to 0; 0 leaves them alone.

    ``scope``: the percentile of each map by itself ("group"), or of an image's maps together ("joint"). Above is
    what exceeds it by more than rounding: upsampling repeats values at the border that are equal but for their
    last digit, and where the percentile falls on such a pair, neither is above it.
    """
    if theta == 0:
        return maps
    values = maps.flatten(2) if scope == "group" else maps.flatten(1)
    threshold = percentile(values, theta) + ROUNDING * values.amax(-1)
    shape = (len(maps), -1, 1, 1)
    return torch.where(maps > threshold.view(shape), maps, torch.zeros_like(maps))


def keep_masks(group_maps: torch.Tensor, cleaned: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Masks [B, G, H, W] in [0, 1], each ``cleaned`` map stretched by itself, and which say anything, bool
    [B, G].

    A map that is constant (before or after the cleaning) has no pixel to tell from another: its mask is 0.
    Before the cleaning too, because rounding would otherwise decide which pixels are above the percentile.
    """
    useful = ~(is_flat(group_maps) | is_flat(cleaned))
    masks = unit_range(cleaned)
    masks[~useful] = 0
    return masks, useful
