"""Relevance carried from the class score back through a recorded transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.lazy import torch
from saliency_core.transformers import rules
from saliency_core.transformers.forward import BlockRecord, Embedding, products_of, weight_of


@dataclass(frozen=True)
class RuleSet:
    """How linear layers share relevance out, and whether the two summands of a residual connection are
    rescaled.
    """

    linear: rules.LinearRule
    rescaled: bool


# Of Transformer Attribution (the authors' layers_ours), and of plain LRP (their layers_lrp).
CONSERVING = RuleSet(rules.linear_joint, rescaled=True)
PLAIN = RuleSet(rules.linear_separate, rescaled=False)


@dataclass(frozen=True)
class Relevance:
    """Relevance of the first n tokens [B, n, D], all others having none, and the total [B] that the rules so far
    promise.
    """

    tokens: torch.Tensor
    expected: torch.Tensor

    def conservation_error(self) -> torch.Tensor:
        """|ΣR − expected| / max(1, |expected|), [B]; the class score starts with R = 1.

        The conserving rules promise 1; with the plain rules each linear layer doubles what it gets, and the
        promise follows that. What is left are losses to the stabiliser and rounding.
        """
        difference = (rules.total(self.tokens) - self.expected).abs()
        return difference / self.expected.abs().clamp(min=1)


def through_head(rule_set: RuleSet, head: Any, read: torch.Tensor, targets: torch.Tensor) -> Relevance:
    """From 1 at the class to the output of the last block: all of it on the class token, the first one. ``read``
    [B, D] is the head's input.
    """
    start = torch.zeros(len(read), head.out_features, dtype=read.dtype, device=read.device)
    start.scatter_(1, targets[:, None], 1.0)
    weight = weight_of(head, read)
    on_class_token, expected = rule_set.linear(read, weight, start, read @ weight.T)
    return Relevance(on_class_token[:, None], expected)


def through_block(
    rule_set: RuleSet, block: Any, record: BlockRecord, after: Relevance
) -> tuple[Relevance, torch.Tensor]:
    """Relevance of the block's input, and of its attention [B, H, N, N] after the softmax (halved)."""
    expected = after.expected

    def linear(
        module: Any, values: torch.Tensor, outputs: torch.Tensor, relevance: torch.Tensor
    ) -> torch.Tensor:
        nonlocal expected
        products = products_of(module, outputs)
        before, promised = rule_set.linear(values, weight_of(module, values), relevance, products)
        expected = expected + promised - rules.total(relevance)
        return before

    # Tokens without relevance take no part: after the last block that is all but the class token.
    reached, count = after.tokens.shape[1], record.tokens.shape[1]

    def of(values: torch.Tensor) -> torch.Tensor:
        return values[:, :reached]

    passed, branch = rules.residual(
        of(record.middle), of(record.transformed), after.tokens, rescaled=rule_set.rescaled
    )
    branch = linear(block.mlp.fc2, of(record.hidden), of(record.fc2_out), branch)
    middle = passed + linear(block.mlp.fc1, of(record.mlp_input), of(record.fc1_out), branch)

    passed, branch = rules.residual(
        of(record.tokens), of(record.attended), middle, rescaled=rule_set.rescaled
    )
    merged = linear(block.attn.proj, of(record.merged), of(record.proj_out), branch)
    batch, heads, _, size = record.values.shape
    mixed = merged.reshape(batch, reached, heads, size).transpose(1, 2)
    attention, values = rules.product(
        record.attention[:, :, :reached], record.values, mixed, record.mixed[:, :, :reached]
    )
    queries, keys = rules.product(
        record.queries[:, :, :reached],
        record.keys.transpose(-2, -1),
        attention,
        record.similarity[:, :, :reached],
    )
    attention, queries = (_all_tokens(part, 2, count) for part in (attention, queries))
    parts = torch.stack([queries, keys.transpose(-2, -1), values])  # [3, B, H, N, d], as qkv lays them out
    projected = parts.permute(1, 3, 0, 2, 4).flatten(2)
    tokens = _all_tokens(passed, 1, count) + linear(block.attn.qkv, record.normed, record.qkv_out, projected)
    return Relevance(tokens, expected), attention


def _all_tokens(relevance: torch.Tensor, dimension: int, count: int) -> torch.Tensor:
    """The relevance of the first tokens along a dimension, with the zeros of the others up to ``count``."""
    missing = count - relevance.shape[dimension]
    if not missing:
        return relevance
    shape = list(relevance.shape)
    shape[dimension] = missing
    return torch.cat([relevance, relevance.new_zeros(shape)], dimension)


def to_pixels(
    model: Any, images: torch.Tensor, embedding: Embedding, relevance: torch.Tensor
) -> torch.Tensor:
    """Signed relevance of pixels [B, H, W], summed over the colours, from that of the tokens [B, N, D].

    Position embeddings keep their share, as do the class token and registers; the patches' goes through the
    convolution of ``model.patch_embed`` by the z^B rule.
    """
    first = relevance.shape[1] - embedding.patches.shape[1]
    shares = rules.safe_divide(relevance[:, first:], embedding.placed[:, first:])
    patches = embedding.patches * shares
    grid = patches.transpose(1, 2).unflatten(2, embedding.grid)
    projection = model.patch_embed.proj
    images = images.to(patches.dtype)
    weight = weight_of(projection, images)
    return rules.bounded_convolution(images, weight, projection.stride, grid).sum(1)
