"""Relevance carried from the class score back through a recorded transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.lazy import torch
from saliency_core.transformers import rules
from saliency_core.transformers.forward import BlockRecord, Embedding, products_of, projections_of, weight_of


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
    promise. After the last block that is the class token, the one that has an output there.
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
    """Relevance of the block's input, and of its attention [B, H, n, N] after the softmax (halved)."""
    expected = after.expected

    def linear(
        module: Any, values: torch.Tensor, outputs: torch.Tensor, relevance: torch.Tensor
    ) -> torch.Tensor:
        nonlocal expected
        products = products_of(module, outputs)
        before, promised = rule_set.linear(values, weight_of(module, values), relevance, products)
        expected = expected + promised - rules.total(relevance)
        return before

    passed, branch = rules.residual(
        record.middle, record.transformed, after.tokens, rescaled=rule_set.rescaled
    )
    branch = linear(block.mlp.fc2, record.hidden, record.fc2_out, branch)
    middle = passed + linear(block.mlp.fc1, record.mlp_input, record.fc1_out, branch)

    asking = middle.shape[1]
    passed, branch = rules.residual(
        record.tokens[:, :asking], record.attended, middle, rescaled=rule_set.rescaled
    )
    merged = linear(block.attn.proj, record.merged, record.proj_out, branch)
    batch, heads, _, size = record.values.shape
    mixed = merged.reshape(batch, asking, heads, size).transpose(1, 2)
    attention, values = rules.product(record.attention, record.values, mixed, record.mixed)
    queries, keys = rules.product(record.queries, record.keys.transpose(-2, -1), attention, record.similarity)
    query_layer, key_value_layer = projections_of(block.attn)
    both = torch.stack([keys.transpose(-2, -1), values])  # [2, B, H, N, d], as the layer lays them out
    both = both.permute(1, 3, 0, 2, 4).flatten(2)
    tokens = linear(key_value_layer, record.normed, record.key_value_out, both)
    asked = queries.transpose(1, 2).flatten(2)
    tokens[:, :asking] += passed + linear(query_layer, record.normed[:, :asking], record.query_out, asked)
    return Relevance(tokens, expected), attention


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
