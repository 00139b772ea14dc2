"""Raw attention."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._transformer import TransformerMethod
from saliency_core.methods.registry import register


@register
class RawAttention(TransformerMethod):
    """Mean over heads of the last block's attention, from the class token to the patches.

    map = (1/H) Σ_h A_h[CLS, patches], with A = softmax(QKᵀ/√d), upsampled to the input. The same for every
    class. Source: the baseline "raw attention" of Chefer et al., CVPR 2021, section 4.

    >>> method = create_method("raw_attention", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="raw_attention",
        title="Raw attention",
        family="transformer",
        needs=("attention",),
        parameters=(),
        paper=(
            "Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021 (as a "
            "baseline)"
        ),
        summary="Attention of the class token in the last block; the same for every class.",
        cost=lambda parameters: Cost(forwards=1),
    )

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.no_grad():
            embedding = self.network.embed(images)
            tokens = embedding.tokens
            for number in range(self.network.depth - 1):
                tokens = self.network.block(number, tokens).output
            attention = self.network.block(self.network.depth - 1, tokens).attention
            return {"maps": self._on_grid(attention[:, :, 0].mean(1), embedding.grid)}
