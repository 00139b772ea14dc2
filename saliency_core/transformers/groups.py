"""How many images go through a transformer together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saliency_core.lazy import torch

# Bytes for what blocks record and one of them propagates. A GPU needs more rows in a product to be busy.
_BUDGETS = {"cpu": 512 * 2**20, "cuda": 8 * 2**30}


def in_groups(
    work: Callable[[torch.Tensor, torch.Tensor], dict[str, torch.Tensor]],
    size: int,
    images: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """``work`` on ``size`` images at a time, its tensors [B, …] joined by name.

    Samples do not interact, so this changes rounding at most.
    """
    parts = [
        work(images[first : first + size], targets[first : first + size])
        for first in range(0, len(images), size)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def group_size(model: Any, dtype: torch.dtype, images: torch.Tensor, *, recorded_blocks: int) -> int:
    """How many images fit into the device's budget, at least one: the records of so many blocks, and relevances and
    temporaries of one.
    """
    height, width = images.shape[2:]
    rows, columns = model.patch_embed.patch_size if hasattr(model.patch_embed, "patch_size") else (16, 16)
    tokens = -(-height // rows) * -(-width // columns) + model.num_prefix_tokens
    block = model.blocks[0]
    heads, inner, hidden = block.attn.num_heads, block.mlp.fc1.in_features, block.mlp.fc1.out_features
    recorded = 3 * heads * tokens + 14 * inner + 3 * hidden
    temporary = 6 * heads * tokens + 8 * inner + 6 * hidden
    bytes_per_image = tokens * (recorded_blocks * recorded + temporary) * dtype.itemsize
    return max(1, _BUDGETS.get(images.device.type, _BUDGETS["cpu"]) // bytes_per_image)
