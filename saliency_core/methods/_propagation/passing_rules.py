"""How relevance passes activation functions and normalisation (see lrp_rules for how it travels)."""

from __future__ import annotations

from typing import Any

from saliency_core.lazy import functional, torch
from saliency_core.methods._propagation.interception import Surrogate

_STABILISER = 1e-6


def passed_unchanged(values: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    """R_in = R_out: c_in = c_out · y / x, with x kept from 0 as in zennit's rules."""
    x = values.detach()
    ratio = result.detach() / (x + torch.where(x >= 0, _STABILISER, -_STABILISER))
    return Surrogate.apply(result, lambda x: x * ratio, values)


def layer_norm(
    input: torch.Tensor,
    normalized_shape: Any,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """The standard deviation is taken as a constant; the rest is linear (Ali et al. 2022)."""
    axes = tuple(range(-len(normalized_shape), 0))
    with torch.no_grad():
        result = functional.layer_norm(input, normalized_shape, weight, bias, eps)
        scale = (input.var(axes, unbiased=False, keepdim=True) + eps).rsqrt()
        if weight is not None:
            scale = scale * weight
    return Surrogate.apply(result, lambda x: (x - x.mean(axes, keepdim=True)) * scale, input)
