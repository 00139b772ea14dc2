"""Backward rules of ReLUs for Guided Backpropagation and the deconvnet."""

from __future__ import annotations

from typing import Any

from saliency_core.lazy import torch
from saliency_core.methods._propagation.interception import (
    Function,
    Interception,
    elementwise,
    function_name,
)

_CANDIDATES = frozenset(
    {"relu", "relu6", "hardtanh", "clamp", "clamp_min", "clip", "threshold", "_threshold"}
)


class ReluRule(Interception):
    """Lets only positive values back through ReLUs and ReLU6s, however they are called.

    With ``gated`` also only where the unit was active (Guided Backpropagation), without it anywhere (deconvnet).
    ``met`` counts the ReLUs of the forward pass. Other activation functions keep their derivative.
    """

    def __init__(self, gated: bool) -> None:
        super().__init__()
        self.gated = gated
        self.met = 0

    def call(self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if not _is_relu(function, arguments, options):
            return super().call(function, arguments, options)
        self.met += 1
        return elementwise(function, arguments, options, self._replacement)

    def _replacement(self, values: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
        # Also false where a ReLU6 cuts off.
        gate = (values > 0) & (result == values) if self.gated else None
        return _PositiveOnly.apply(values, result, gate)


class _PositiveOnly(torch.autograd.Function):
    """Values whose backward pass is ReLU(gradient), zero outside the gate."""

    @staticmethod
    def forward(
        ctx: Any, values: torch.Tensor, result: torch.Tensor, gate: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.gate = gate
        return result.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # type: ignore[override, unused-ignore]
        positive = gradient.clamp(min=0)
        return (positive if ctx.gate is None else positive * ctx.gate), None, None


def _is_relu(function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> bool:
    """Whether the function with these arguments is max(x, 0), perhaps with an upper limit."""
    if function_name(function).rstrip("_") not in _CANDIDATES:
        return False
    bounds = [value for value in (*arguments[1:], *options.values()) if isinstance(value, torch.Tensor)]
    if any(bound.numel() > 1 for bound in bounds):
        return False  # a limit for each value
    probe = torch.tensor([-1.0, 0.0, 1e-3], device=arguments[0].device)
    return torch.equal(function(probe.clone(), *arguments[1:], **options), probe.clamp(min=0))
