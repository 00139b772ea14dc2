"""How many images go through a transformer together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saliency_core.lazy import torch

_BUDGET = 512 * 2**20  # bytes for what one block records and propagates


def in_groups(
    work: Callable[[torch.Tensor, torch.Tensor], dict[str, torch.Tensor]],
    model: Any,
    dtype: torch.dtype,
    images: torch.Tensor,
    targets: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """``work`` on as many images at a time as fit into half a gigabyte, its tensors [B, …] joined by name.

    Samples do not interact, so this changes rounding at most.
    """
    size = max(1, _BUDGET // _bytes_per_image(model, dtype, images))
    parts = [
        work(images[first : first + size], targets[first : first + size])
        for first in range(0, len(images), size)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def _bytes_per_image(model: Any, dtype: torch.dtype, images: torch.Tensor) -> int:
    """About what one image needs in one block: records, their relevances and temporaries."""
    height, width = images.shape[2:]
    rows, columns = model.patch_embed.patch_size if hasattr(model.patch_embed, "patch_size") else (16, 16)
    tokens = -(-height // rows) * -(-width // columns) + model.num_prefix_tokens
    block = model.blocks[0]
    features = (
        12 * block.mlp.fc1.in_features
        + 8 * block.mlp.fc1.out_features
        + len(model.blocks) * block.mlp.fc1.in_features
    )
    return tokens * (8 * block.attn.num_heads * tokens + features) * dtype.itemsize
