"""Partial LRP for vision transformers."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._transformer import PRECISION, TransformerMethod
from saliency_core.methods.registry import register
from saliency_core.transformers.descent import Descent
from saliency_core.transformers.relevance import PLAIN


@register
class PartialLrp(TransformerMethod):
    """Relevance of the last block's attention, from the class token to the patches.

    R starts as 1 at the class and is carried through the head and the last block's MLP and projection by the plain
    rules (linear layers α=1, β=0 with x⁺w⁺ and x⁻w⁻ normalised separately, residual connections by
    contribution, attention · values by gradient × input, halved). map = mean over heads of (R_h[CLS, patches])⁺,
    upsampled to the input.
    Source: Voita et al., ACL 2019, as evaluated by Chefer et al., CVPR 2021, section 4.

    ``conservation_error`` [B]: |ΣR − promise| / max(1, |promise|) at the input of the last block; the promise is
    1, doubled by each linear layer.

    >>> method = create_method("partial_lrp", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="partial_lrp",
        title="Partial LRP",
        family="transformer",
        needs=("attention",),
        parameters=(PRECISION,),
        paper=(
            "Voita et al., Analyzing Multi-Head Self-Attention, ACL 2019, as in Chefer et al., Transformer "
            "Interpretability Beyond Attention Visualization, CVPR 2021"
        ),
        summary="Relevance of the last block's attention by layer-wise relevance propagation.",
        # Measured on DeiT-Tiny, in forward passes in float32.
        cost=lambda parameters: Cost(forwards=2.6 if parameters["precision"] == "float64" else 1.3),
    )

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        descent = Descent(self.network, images, targets, lowest=self.network.depth - 1, rule_set=PLAIN)
        (step,) = descent.steps()
        assert step.relevance is not None  # asked for above
        assert descent.relevance is not None
        row = step.relevance[:, :, 0].relu().mean(1)
        return {
            "maps": self._on_grid(row, descent.embedding.grid),
            "conservation_error": descent.relevance.conservation_error(),
        }
