"""Transformer Attribution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._transformer import PRECISION, START_BLOCK, TransformerMethod
from saliency_core.methods.registry import register
from saliency_core.transformers.descent import Descent
from saliency_core.transformers.relevance import CONSERVING
from saliency_core.transformers.rollout import class_token_row, with_identity


@register
class TransformerAttribution(TransformerMethod):
    """Attention relevance weighted by its gradient, multiplied over all blocks.

    Ā⁽ᵇ⁾ = I + mean over heads of (∇A⁽ᵇ⁾ ⊙ R⁽ᵇ⁾)⁺, with ∇A⁽ᵇ⁾ the gradient of the class's logit by the attention
    after the softmax and R⁽ᵇ⁾ its relevance; C = Ā⁽ᴮ⁾ · … · Ā⁽ˢ⁾ with s the start block, rows not normalised; map =
    C[CLS, patches], upsampled to the input. Relevance follows the conserving rules of
    ``saliency_core.transformers.rules``.
    Source: Chefer, Gur and Wolf, CVPR 2021, section 3 (the paper prints the product in the opposite order to the
    authors' code, which is followed here).

    ``conservation_error`` [B]: |ΣR − 1| at the input of the start block, where R starts as 1 at the class.

    >>> method = create_method("transformer_attribution", classifier, start_block=0)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="transformer_attribution",
        title="Transformer Attribution",
        family="transformer",
        needs=("attention", "gradients"),
        parameters=(START_BLOCK, PRECISION),
        paper="Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021",
        summary="Relevance of attention weighted by its gradient, accumulated over all blocks.",
        # Measured on DeiT-Tiny, in forward passes in float32; each linear layer takes three products for relevance.
        cost=lambda parameters: (
            Cost(forwards=10, backwards=1) if parameters["precision"] == "float64" else Cost(5, 1)
        ),
    )

    def _recorded_blocks(self) -> int:
        return self.network.depth - int(self.parameters["start_block"])

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        descent = Descent(
            self.network,
            images,
            targets,
            lowest=self.parameters["start_block"],
            rule_set=CONSERVING,
            gradients=True,
        )

        def matrices() -> Iterator[torch.Tensor]:
            for step in descent.steps():
                assert step.gradient is not None  # asked for above
                assert step.relevance is not None
                weighted = (step.gradient * step.relevance).relu_().mean(1)
                yield with_identity(weighted, normalised=False)

        row = class_token_row(matrices())
        assert descent.relevance is not None
        return {
            "maps": self._on_grid(row, descent.embedding.grid),
            "conservation_error": descent.relevance.conservation_error(),
        }
