"""A vision transformer's last block for the class token alone. Imports torch at once, so it is imported where it is
needed.
"""

from __future__ import annotations

from typing import Any

from saliency_core.lazy import torch
from saliency_core.transformers.forward import projections_of

# Looked up here, as a compiler does not follow the import behind saliency_core.lazy.
_linear = torch.nn.functional.linear
_attention = torch.nn.functional.scaled_dot_product_attention


class ClassTokenBlock(torch.nn.Module):
    """What a block of timm's makes of the class token: [B, 1, D] for tokens [B, N, D], the class token the first."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.block = block

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        block, first = self.block, tokens[:, :1]
        middle = first + block.ls1(self._attended(block.norm1(tokens)))
        return middle + block.ls2(block.mlp(block.norm2(middle)))

    def _attended(self, normed: torch.Tensor) -> torch.Tensor:
        """Of the class token [B, 1, D], for normalised tokens [B, N, D]."""
        attention = self.block.attn
        batch, count, _ = normed.shape
        query_layer, key_value_layer = projections_of(attention)
        queries = _linear(normed[:, :1], query_layer.weight, query_layer.bias)
        queries = queries.reshape(batch, 1, attention.num_heads, -1).transpose(1, 2)
        others = _linear(normed, key_value_layer.weight, key_value_layer.bias)
        keys, values = (
            others.reshape(batch, count, 2, attention.num_heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        )
        mixed = _attention(attention.q_norm(queries), attention.k_norm(keys), values, scale=attention.scale)
        merged = mixed.transpose(1, 2).reshape(batch, 1, -1)
        norm = getattr(attention, "norm", None)  # older versions of timm have none
        return attention.proj(merged if norm is None else norm(merged))
