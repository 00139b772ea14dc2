"""The order in which a saliency map lets pixels change."""

from __future__ import annotations

from dataclasses import dataclass

from saliency_core.lazy import torch


@dataclass(frozen=True)
class Curve:
    """A walk from source ``start`` to source ``end`` (positions among the sources), the most salient pixels
    first.
    """

    start: int
    end: int


def pixel_order(maps: torch.Tensor) -> torch.Tensor:
    """Raster indices int64 [B, H·W] of the pixels of maps [B, H, W], the most salient first; ties go by ascending
    index.
    """
    return torch.sort(maps.flatten(1), dim=1, descending=True, stable=True).indices


def pixel_ranks(maps: torch.Tensor) -> torch.Tensor:
    """Ranks int32 [B, H·W] of maps [B, H, W]: 0 is the most salient pixel (see pixel_order)."""
    order = pixel_order(maps)
    ranks = torch.empty_like(order, dtype=torch.int32)
    positions = torch.arange(order.shape[1], dtype=torch.int32, device=maps.device)
    return ranks.scatter_(1, order, positions.expand_as(ranks))


def step_count(pixels: int, step_pixels: int) -> int:
    """Steps until all pixels have changed; the last one may be smaller."""
    return -(-pixels // step_pixels)


def share_of_pixels(pixels: int, share: float) -> int:
    """⌊pixels · share⌋, for shares written as decimals: 0.29 of 100 pixels are 29, though 0.29 · 100 is 28.99…"""
    return int(pixels * share + 1e-6)
