"""Hooks on a network's layers."""

from __future__ import annotations

from saliency_core.lazy import torch


def is_hooked(model: torch.nn.Module) -> bool:
    """Whether somebody listens to, or replaces, what its layers give."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
