"""Layer-wise relevance propagation for vision transformers."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.errors import ParameterError
from saliency_core.lazy import timm, torch
from saliency_core.methods._stem_relevance import through_stem
from saliency_core.methods._transformer import PRECISION, TransformerMethod
from saliency_core.methods.registry import register
from saliency_core.transformers.descent import Descent
from saliency_core.transformers.relevance import PLAIN, to_pixels


@register
class VitLrp(TransformerMethod):
    """Relevance of pixels, carried from the class score through all blocks and the patch embedding.

    R starts as 1 at the class. Linear layers: α=1, β=0 with x⁺w⁺ and x⁻w⁻ normalised separately; residual
    connections and position embedding: by contribution; products of attention: gradient × input, halved; patch
    embedding: z^B rule with the bounds of the image, after α=1, β=0 through the other layers of a convolutional stem;
    everything else passes relevance on. map = Σ over colours of R,
    signed, at the input's resolution.
    Source: Binder et al., ICANN 2016 (LRP through such layers), as evaluated by Chefer et al., CVPR 2021, section 4
    ("LRP").

    Plain rules do not conserve: linear layers double ΣR and residual connections can amplify it by any amount, so
    that values reach 1e9 and more and small changes of an image move the map.
    ``conservation_error`` [B]: |ΣR − promise| / max(1, |promise|) at the input of the first block; the promise is
    1, doubled by each linear layer.

    >>> method = create_method("vit_lrp", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="vit_lrp",
        title="LRP for ViT",
        family="transformer",
        needs=("attention",),
        parameters=(PRECISION,),
        paper=(
            "Binder et al., Layer-wise Relevance Propagation for Neural Networks with Local Renormalization Layers, "
            "ICANN 2016, as in Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021"
        ),
        summary="Relevance of every pixel by layer-wise relevance propagation through the whole transformer.",
        # Measured on DeiT-Tiny, in forward passes in float32.
        cost=lambda parameters: Cost(forwards=11 if parameters["precision"] == "float64" else 6),
    )

    def _recorded_blocks(self) -> int:
        return self.network.depth

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        patch = self.classifier.model.patch_embed.patch_size
        if any(size % side for size, side in zip(images.shape[2:], patch, strict=True)):
            raise ParameterError(
                f"{self.description.title} needs images whose sides are multiples of the patch's, {patch[0]} × "
                f"{patch[1]} pixels; got {images.shape[2]} × {images.shape[3]}."
            )
        descent = Descent(self.network, images, targets, rule_set=PLAIN)
        for _ in descent.steps():
            pass
        assert descent.relevance is not None
        tokens = descent.relevance.tokens
        stem = self.classifier.model.patch_embed
        if isinstance(stem, timm.layers.PatchEmbed) and type(stem.proj) is torch.nn.Conv2d:
            with torch.no_grad():
                maps = to_pixels(self.classifier.model, images, descent.embedding, tokens)
        else:
            maps = through_stem(stem, images, descent.embedding, tokens, self.classifier.title)
        return {"maps": maps, "conservation_error": descent.relevance.conservation_error()}
