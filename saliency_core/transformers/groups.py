"""How many images go through a transformer together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saliency_core.lazy import torch

# Bytes for what all blocks record and one propagates. A GPU needs more rows in a product to be busy.
_BUDGETS = {"cpu": 512 * 2**20, "cuda": 8 * 2**30}


def in_groups(
    work: Callable[[torch.Tensor, torch.Tensor], dict[str, torch.Tensor]],
    model: Any,
    dtype: torch.dtype,
    images: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """``work`` on as many images at a time as fit into the device's budget, its tensors [B, …] joined by name.

    Samples do not interact, so this changes rounding at most.
    """
    budget = _BUDGETS.get(images.device.type, _BUDGETS["cpu"])
    size = max(1, budget // _bytes_per_image(model, dtype, images))
    parts = [
        work(images[first : first + size], targets[first : first + size])
        for first in range(0, len(images), size)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _bytes_per_image(model: Any, dtype: torch.dtype, images: torch.Tensor) -> int:
    """About what one image needs: the records of all blocks, and relevances and temporaries of one."""
    height, width = images.shape[2:]
    rows, columns = model.patch_embed.patch_size if hasattr(model.patch_embed, "patch_size") else (16, 16)
    tokens = -(-height // rows) * -(-width // columns) + model.num_prefix_tokens
    block, depth = model.blocks[0], len(model.blocks)
    inner, hidden = block.mlp.fc1.in_features, block.mlp.fc1.out_features
    recorded = 3 * block.attn.num_heads * tokens + 14 * inner + 3 * hidden
    temporary = 6 * block.attn.num_heads * tokens + 8 * inner + 6 * hidden
    return tokens * (depth * recorded + temporary) * dtype.itemsize
