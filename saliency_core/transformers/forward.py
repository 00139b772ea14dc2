"""A vision transformer's forward pass, written out so that every quantity can be kept, in any precision."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from saliency_core.errors import ParameterError
from saliency_core.lazy import functional, torch


@dataclass(frozen=True)
class Embedding:
    """Tokens before the first block: ``patches`` [B, P, D] without their positions, ``placed`` [B, N, D] with
    positions, class token and registers in front, ``tokens`` [B, N, D] what the first block gets (the same, unless
    the model normalises it). ``grid``: rows and columns of patches, P of them.
    """

    patches: torch.Tensor
    placed: torch.Tensor
    tokens: torch.Tensor
    grid: tuple[int, int]


@dataclass(frozen=True)
class BlockRecord:
    """What happened in one block; N tokens of D features, H heads of d features, M hidden features. The first n tokens
    ask, that is have an output: the class token in the last block, all N in the others.

    ``tokens`` [B, N, D] are the block's input, ``normed`` [B, N, D] what queries [B, H, n, d], keys and values
    [B, H, N, d] are made of, ``similarity`` [B, H, n, N] is queries times keys, ``attention`` [B, H, n, N] follows the
    softmax, ``mixed`` [B, H, n, d] is attention times values, ``merged`` [B, n, H·d] the input of the projection,
    ``attended`` [B, n, D] what is added to the tokens, ``middle`` [B, n, D] their sum. ``mlp_input`` [B, n, D],
    ``hidden`` [B, n, M] after the activation, ``transformed`` [B, n, D] what is added to ``middle``, ``output``
    [B, n, D] their sum. ``query_out``, ``key_value_out``, ``proj_out``, ``fc1_out`` and ``fc2_out`` are what the linear
    layers gave, bias included.
    """

    tokens: torch.Tensor
    normed: torch.Tensor
    queries: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor
    similarity: torch.Tensor
    attention: torch.Tensor
    mixed: torch.Tensor
    merged: torch.Tensor
    attended: torch.Tensor
    middle: torch.Tensor
    mlp_input: torch.Tensor
    hidden: torch.Tensor
    transformed: torch.Tensor
    output: torch.Tensor
    query_out: torch.Tensor
    key_value_out: torch.Tensor
    proj_out: torch.Tensor
    fc1_out: torch.Tensor
    fc2_out: torch.Tensor


class RecordedTransformer:
    """The forward pass of a timm VisionTransformer in ``dtype``, as in evaluation mode, part by part.

    The model is only read: weights are converted where they are used, one block at a time, attention is
    written out instead of fused, and dropout and drop path are left out as evaluation mode does. The model
    must have passed ``structure.obstacle``.
    """

    def __init__(self, model: Any, dtype: torch.dtype) -> None:
        self.model, self.dtype = model, dtype
        self.depth = len(model.blocks)

    @property
    def prefix(self) -> int:
        """How many tokens come before the patches; the class token is the first."""
        return int(self.model.num_prefix_tokens)

    def embed(self, images: torch.Tensor) -> Embedding:
        """Raises ParameterError for images of a size that the model does not take."""
        model = self.model
        # A stem may be a convolutional network of its own; its copy is small beside the blocks.
        stem = copy.deepcopy(model.patch_embed).to(self.dtype)
        try:
            patches = stem(images.to(self.dtype))
        except AssertionError as error:
            raise ParameterError(f"The transformer does not take images of this size: {error}") from error
        grid = tuple(patches.shape[1:3]) if patches.ndim == 4 else tuple(model.patch_embed.grid_size)
        # The parameters of the position embedding have the model's own type and are promoted to that of the
        # patches. Dropping of patches is for training only.
        placed = model._pos_embed(patches).detach()
        return Embedding(
            patches=patches.detach().reshape(len(images), -1, patches.shape[-1]),
            placed=placed,
            tokens=normalise(model.norm_pre, placed),
            grid=(grid[0], grid[1]),
        )

    def block(self, number: int, tokens: torch.Tensor) -> BlockRecord:
        """One block applied to tokens [B, N, D]. The head reads the class token only, so no other has an output of the
        last block.
        """
        block = self.model.blocks[number]
        attention, mlp = block.attn, block.mlp
        batch, count, _ = tokens.shape
        asking = 1 if number == self.depth - 1 else count

        normed = normalise(block.norm1, tokens)
        query_layer, key_value_layer = projections_of(attention)
        query_out = linear(query_layer, normed[:, :asking])
        key_value_out = linear(key_value_layer, normed)
        # Contiguous, as products of batches of matrices would otherwise copy them each time, transposed ones slowly.
        queries = query_out.reshape(batch, asking, attention.num_heads, -1).transpose(1, 2).contiguous()
        both = key_value_out.reshape(batch, count, 2, attention.num_heads, -1)
        keys, values = both.permute(2, 0, 3, 1, 4).contiguous().unbind(0)
        queries, keys = normalise(attention.q_norm, queries), normalise(attention.k_norm, keys)
        similarity = queries @ keys.transpose(-2, -1)
        weights = (similarity * attention.scale).softmax(-1)
        mixed = weights @ values
        merged = normalise(getattr(attention, "norm", None), mixed.transpose(1, 2).flatten(2))
        proj_out = linear(attention.proj, merged)
        attended = scale(block.ls1, proj_out)
        middle = tokens[:, :asking] + attended

        mlp_input = normalise(block.norm2, middle)
        fc1_out = linear(mlp.fc1, mlp_input)
        hidden = normalise(getattr(mlp, "norm", None), mlp.act(fc1_out))
        fc2_out = linear(mlp.fc2, hidden)
        transformed = scale(block.ls2, fc2_out)
        return BlockRecord(
            tokens=tokens,
            normed=normed,
            queries=queries,
            keys=keys,
            values=values,
            similarity=similarity,
            attention=weights,
            mixed=mixed,
            merged=merged,
            attended=attended,
            middle=middle,
            mlp_input=mlp_input,
            hidden=hidden,
            transformed=transformed,
            output=middle + transformed,
            query_out=query_out,
            key_value_out=key_value_out,
            proj_out=proj_out,
            fc1_out=fc1_out,
            fc2_out=fc2_out,
        )

    def head(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Input [B, D] of the head, and logits [B, C], from the last block's output [B, n, D]."""
        read = normalise(self.model.fc_norm, normalise(self.model.norm, tokens)[:, 0])
        return read, linear(self.model.head, read)


@dataclass(frozen=True)
class Rows:
    """Some outputs of a linear layer, to be used like a layer: ``weight`` [I, J], ``bias`` [I] or None."""

    weight: torch.Tensor
    bias: torch.Tensor | None


def projections_of(attention: Any) -> tuple[Rows, Rows]:
    """The layer of an attention that makes queries, and that which makes keys and values, in this order: views."""
    both, bias = attention.qkv.weight, attention.qkv.bias
    first = len(both) // 3
    return (
        Rows(both[:first], None if bias is None else bias[:first]),
        Rows(both[first:], None if bias is None else bias[first:]),
    )


def linear(module: Any, values: torch.Tensor) -> torch.Tensor:
    """A linear layer in the type of ``values``; its parameters take no part in differentiation."""
    return functional.linear(values, weight_of(module, values), _as(module.bias, values))


def products_of(module: Any, outputs: torch.Tensor) -> torch.Tensor:
    """What a linear layer gave, ``outputs``, without its bias."""
    bias = _as(module.bias, outputs)
    return outputs if bias is None else outputs - bias


def weight_of(module: Any, like: torch.Tensor) -> torch.Tensor:
    """The weight of a module in the type of ``like``, outside any graph."""
    return module.weight.detach().to(like.dtype)


def normalise(module: Any, values: torch.Tensor) -> torch.Tensor:
    """LayerNorm in the type of ``values``; nothing where there is none."""
    if not isinstance(module, torch.nn.LayerNorm):
        return values
    weight, bias = _as(module.weight, values), _as(module.bias, values)
    return functional.layer_norm(values, module.normalized_shape, weight, bias, module.eps)


def scale(module: Any, values: torch.Tensor) -> torch.Tensor:
    """LayerScale in the type of ``values``; nothing where there is none."""
    gamma = getattr(module, "gamma", None)
    return values if gamma is None else values * gamma.detach().to(values.dtype)


def _as(parameter: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor | None:
    return None if parameter is None else parameter.detach().to(like.dtype)
