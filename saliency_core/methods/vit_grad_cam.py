"""Grad-CAM for vision transformers."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._transformer import TransformerMethod
from saliency_core.methods.registry import register
from saliency_core.transformers.descent import Descent


@register
class VitGradCam(TransformerMethod):
    """Heads of the last block's attention, weighted by the mean gradient of the class score.

    a_h = A_h[CLS, patches] in the last block, w_h = mean over the patches of ∂S_c/∂a_h with S_c the logit;
    map = (mean over heads of w_h a_h)⁺, upsampled to the input. Where no patch is positive the map is zero and
    flagged, which is not rare. Source: the baseline "GradCAM" of Chefer et al., CVPR 2021, section 4, after
    Selvaraju et al., ICCV 2017.

    >>> method = create_method("vit_grad_cam", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="vit_grad_cam",
        title="Grad-CAM for ViT",
        family="transformer",
        needs=("attention", "gradients"),
        parameters=(),
        paper=(
            "Chefer et al., Transformer Interpretability Beyond Attention Visualization, CVPR 2021 (as a "
            "baseline), after Selvaraju et al., Grad-CAM, ICCV 2017"
        ),
        summary="Heads of the class token's attention in the last block, weighted by their mean gradient.",
        # Only the last block is differentiated.
        cost=lambda parameters: Cost(forwards=1.1, backwards=0.1),
    )

    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        descent = Descent(self.network, images, targets, lowest=self.network.depth - 1, gradients=True)
        (step,) = descent.steps()
        assert step.gradient is not None  # asked for above
        first = self.network.prefix
        weights = step.gradient[:, :, 0, first:].mean(-1, keepdim=True)
        cam = (weights * step.attention[:, :, 0, first:]).mean(1).relu()
        return {"maps": cam.unflatten(1, descent.embedding.grid)}
