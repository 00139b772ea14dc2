"""Whether a network still has the weights it had."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saliency_core.lazy import torch

WeightsState = tuple[tuple[int, int], ...]


def weights_state(model: torch.nn.Module) -> WeightsState:
    """Identity and version of every tensor: another value after any change of a parameter or buffer."""
    tensors = (*model.parameters(), *model.buffers())
    return tuple((id(each), 0 if each.is_inference() else each._version) for each in tensors)
