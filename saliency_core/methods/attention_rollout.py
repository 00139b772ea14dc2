"""Attention rollout."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._transformer import START_BLOCK, TransformerMethod
from saliency_core.methods.registry import register
from saliency_core.transformers.rollout import class_token_row, with_identity


@register
class AttentionRollout(TransformerMethod):
    """Attention of all blocks multiplied, from the class token to the patches.

    Ā⁽ᵇ⁾ = rows of (I + mean over heads of A⁽ᵇ⁾) normalised to sum 1; C = Ā⁽ᴮ⁾ · … · Ā⁽ˢ⁾ with s the start block;
    map = C[CLS, patches], upsampled to the input. The same for every class.
    Source: Abnar and Zuidema, ACL 2020, section 3; start block as evaluated by Chefer et al., CVPR 2021.

    >>> method = create_method("attention_rollout", classifier, start_block=0)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="attention_rollout",
        title="Attention rollout",
        family="transformer",
        needs=("attention",),
        parameters=(START_BLOCK,),
        paper="Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
        summary="Attention of all blocks multiplied with the residual connections; the same for every class.",
        cost=lambda parameters: Cost(forwards=1.3),
    )

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            embedding = self.network.embed(images)
            tokens, matrices = embedding.tokens, []
            for number in range(self.network.depth):
                record = self.network.block(number, tokens)
                tokens = record.output
                if number >= self.parameters["start_block"]:
                    matrices.append(with_identity(record.attention.mean(1), normalised=True))
            return {"maps": self._on_grid(class_token_row(reversed(matrices)), embedding.grid)}
