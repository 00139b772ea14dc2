"""What baselines share: maps made without asking the classifier."""

from __future__ import annotations

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch


def baseline_description(
    key: str, title: str, parameters: tuple[Parameter, ...], paper: str, summary: str
) -> MethodDescription:
    """The description of a baseline: it needs nothing of the classifier and takes no pass through it."""
    return MethodDescription(
        key=key,
        title=title,
        family="baseline",
        needs=(),
        parameters=parameters,
        paper=paper,
        summary=summary,
        cost=lambda parameters: Cost(forwards=0),
    )


def where_defined(maps: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Maps [B, H, W], undefined (NaN) where the image [B, 3, H, W] holds NaN or infinity: no method has a map
    of such an image, a baseline neither.
    """
    defined = images.isfinite().flatten(1).all(1)
    return torch.where(defined[:, None, None], maps, torch.full_like(maps, float("nan")))
