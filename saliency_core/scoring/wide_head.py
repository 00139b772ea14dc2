"""The last layer of a network in 16 bits. Imports torch at once, so it is imported where it is needed."""

from __future__ import annotations

import copy

from saliency_core.lazy import torch


class WideHead(torch.nn.Module):
    """A linear layer in float32 for inputs of any floating type."""

    def __init__(self, head: torch.nn.Module) -> None:
        super().__init__()
        self.head = copy.deepcopy(head).float().eval()

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(values.float())
        return logits
