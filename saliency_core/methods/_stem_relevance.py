"""Relevance of pixels from that of a transformer's patches, through a stem of several convolutions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from saliency_core.lazy import torch
from saliency_core.transformers import rules
from saliency_core.transformers.forward import Embedding

if TYPE_CHECKING:
    from saliency_core.methods._propagation.relevance import Composite


def through_stem(
    stem: torch.nn.Module, images: torch.Tensor, embedding: Embedding, relevance: torch.Tensor, title: str
) -> torch.Tensor:
    """Signed relevance of pixels [B, H, W], summed over the colours, from that of the tokens [B, N, D].

    Position embeddings keep their share, as do the class token and registers. The patches' goes through the stem by
    the α=1, β=0 rule, and through its first convolution by the z^B rule with the bounds of the image, as everywhere
    else in this propagation. Raises LayerError for a stem with an operation that has no rule.
    """
    from saliency_core.methods._propagation.relevance_pass import relevance_pass

    first = relevance.shape[1] - embedding.patches.shape[1]
    shares = rules.safe_divide(relevance[:, first:], embedding.placed[:, first:])
    images = images.to(embedding.patches.dtype)
    # Ones: x · carrier has the gradient x · ∂S/∂x by it, which is the relevance of x.
    carrier = torch.ones_like(images, requires_grad=True)
    low, high = (
        bound.expand_as(images) for bound in (images.amin((1, 2, 3), True), images.amax((1, 2, 3), True))
    )
    stem = copy.deepcopy(stem).to(images.dtype)
    with torch.enable_grad():
        pixels, lowest, highest = (values * carrier for values in (images, low, high))
        with relevance_pass(stem, _composite(), 0, title) as rule:
            rule.follow_pixels(pixels, lowest, highest, carrier)
            patches = stem(pixels)
        # The gradient of a relevance pass is relevance over value: the shares themselves.
        (pixel_relevance,) = torch.autograd.grad(patches, carrier, shares.view_as(patches))
    return pixel_relevance.sum(1)


def _composite() -> Composite:
    from saliency_core.methods._propagation.lrp_rules import alpha_beta_rule
    from saliency_core.methods._propagation.relevance import Composite

    return Composite(alpha_beta_rule(1, 0), alpha_beta_rule(1, 0), "box")
