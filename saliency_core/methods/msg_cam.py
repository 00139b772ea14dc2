"""MSG-CAM: multi-scale inputs of Group-CAM."""

from __future__ import annotations

from typing import Any, ClassVar

from saliency_core.classifiers.classifier import Classifier
from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.methods._group_masks import (
    denoised,
    group_sizes,
    grouped_sum,
    keep_masks,
    mean_after_upsampling,
    sum_of_upsampled,
)
from saliency_core.methods._msg_cam_parameters import PARAMETERS, PRESETS
from saliency_core.methods._multi_scale import (
    check_sizes,
    images_at_once,
    pixel_equivalents,
    scales,
)
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register
from saliency_core.scoring.canvas import blurred_canvas
from saliency_core.scoring.scorer import Scorer


@register
class MsgCam(Method):
    """ReLU(Σ_r α_r M_r): groups of feature maps averaged over several sizes of the image, each weighted by what
    the model says of the image seen through it.

    With A_t and G_t = ∂S_c/∂A_t the feature maps and logit gradients of the image enlarged to size t, φ bilinear
    interpolation to the image's own size, means over the accepted sizes, B groups of neighbouring channels:

        Ā = mean_t φ(A_t)    W̄ₖ = mean over space and t of φ(G_t)ᵏ    M_r = ReLU(Σ_{k∈r} W̄ₖ Āᵏ)
        M′_r = N01(M_r where above its θ-th percentile, else 0)
        α_r = P_c(I ⊙ M′_r + blur(I) ⊙ (1 − M′_r)) − P_c(blur(I))

    Computed exactly, but not literally: φ is linear, so groups are summed before they are upsampled; and the mean
    of an upsampled gradient is a fixed weighted mean of it (see mean_after_upsampling).

    Where the thesis leaves something open, this is done here:

    - A1: the sizes are t = 1 … N, the first being the image itself; means divide by the number accepted.
    - A2: sizes are a list; literal_resolutions makes the one that equation 3-2 gives for ζ_max and N.
    - A3: 224 … 524, as in CAMERAS' example; presets "cameras8" (224 … 924) and "thesis_text" (334, 434, 534).
      Images of another size than the first keep the list's proportions.
    - A4: ``interpolation`` of the image; feature maps are always enlarged linearly.
    - A5: ``class_filter``; "auto" filters only if the class is the predicted one, when the first size is always
      accepted. With "strict" no size may be left: the map is zero and flagged.
    - A6, A7: ``groups`` is the number of groups, at most the layer's channels; ``grouping`` says what happens when
      it does not divide them. The number that results is reported.
    - A8: ascending percentile and strict > (by more than rounding), so θ = 70 keeps the highest 30 %; θ = 0
      switches the denoising off.
    - A9: the percentile of each group at the image's size; ``percentile_scope`` "joint" takes all groups
      together. Not offered at the layer's size: several sizes have no common one.
    - A10: ``combine`` adds up the maps themselves, the denoised ones, or the masks.
    - A11: gradients of logits; ``alpha_score`` of the masked images is a probability, or the logit.
    - A12: α may be negative; ``rectify_alpha`` cuts it off.
    - A13: a group without contrast has the mask 0 and α = 0, which is what its masked image, the blur, gives.
    - A14: one map, not three channels; Explanation.normalised stretches it to [0, 1].
    - A15: W̄ is the mean at the image's size.
    - A16: the default layer is the last convolution after its ReLU.
    - A17: transformers are refused: their grid of tokens is fixed.
    - A18: the normalised image is blurred, with reflected borders; the blur commutes with the normalisation.

    Extras: ``accepted_scales``, how many sizes entered the map; ``effective_groups``, how many groups there were;
    ``useful_groups``, how many of them had contrast.

    Source: the thesis, chapter 3, algorithm 1 and equations 3-1 to 3-12.

    >>> method = create_method("msg_cam", classifier, groups=32, theta=70)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="msg_cam",
        title="MSG-CAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=PARAMETERS,
        paper="Multi-Scale inputs of Group-CAM (MSG-CAM), thesis, chapter 3",
        summary=(
            "Groups of feature maps from several sizes of the image, weighted by the class's probability in "
            "the image seen through each."
        ),
        cost=lambda parameters: Cost(
            forwards=pixel_equivalents(parameters["resolutions"])
            + min(parameters["groups"], parameters["channels"])
            + 1,
            backwards=pixel_equivalents(parameters["resolutions"]),
        ),
        quick={"resolutions": [224, 324], "groups": 8},
        presets=PRESETS,
    )

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises ParameterError, or LayerError for a classifier that takes one image size only."""
        super().__init__(classifier, **parameters)
        kernel = self.parameters["blur_kernel"]
        if kernel % 2 == 0:
            raise ParameterError(f"blur_kernel must be odd, so that it has a centre; got {kernel}.")
        check_sizes(classifier, self.parameters["resolutions"])

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        step = images_at_once(self.classifier)
        parts = [
            self._explain_some(part, classes)
            for part, classes in zip(images.split(step), targets.split(step), strict=True)
        ]
        extras = {name: torch.cat([extra[name] for _, extra in parts]) for name in parts[0][1]}
        return torch.cat([maps for maps, _ in parts]), extras

    def _explain_some(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        values = self.parameters
        canvas = blurred_canvas(images, values["blur_kernel"], values["blur_sigma"])
        group_maps, accepted = self._group_maps(images, targets)
        cleaned = denoised(group_maps, values["theta"], values["percentile_scope"])
        masks, useful = keep_masks(group_maps, cleaned)
        alphas = self._alphas(images, canvas, masks.float(), targets)
        # What a group without contrast says is exactly nothing; its masked image is the canvas.
        alphas = torch.where(useful, alphas.relu() if values["rectify_alpha"] else alphas, 0.0)
        combined = {"raw": group_maps, "denoised": cleaned, "normalised": masks}[values["combine"]]
        maps = torch.einsum("bg,bghw->bhw", alphas.to(combined.dtype), combined).relu()
        return maps, {
            "accepted_scales": accepted,
            "effective_groups": torch.full_like(accepted, masks.shape[1]),
            "useful_groups": useful.float().sum(1),
        }

    def _group_maps(self, images: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """M_r float64 [B, G, H, W] and the number of accepted sizes [B].

        In double precision, because a mask ends at a hard threshold: pixels that are equal but for rounding would
        fall on either side of it, depending on the images beside this one.
        """
        values, size = self.parameters, (images.shape[2], images.shape[3])
        accepted = torch.zeros(len(images), device=images.device)
        features, weights = [], torch.zeros(len(images), 1, device=images.device)
        for scale in scales(
            self.classifier,
            values["layer"],
            images,
            targets,
            values["resolutions"],
            values["interpolation"],
            values["class_filter"],
        ):
            kept = scale.accepted[:, None]
            features.append(torch.where(kept[:, :, None, None], scale.features, 0.0))
            means = mean_after_upsampling(scale.gradients.double(), size)
            weights = weights + torch.where(kept, means, 0.0)
            accepted += scale.accepted
        count = accepted.clamp_min(1)[:, None]  # without any accepted size all sums are 0
        sizes = group_sizes(weights.shape[1], values["groups"], values["grouping"])
        weights = weights / count**2  # both means at once
        grouped = [grouped_sum(maps.double(), weights, sizes) for maps in features]
        return sum_of_upsampled(grouped, size).relu_(), accepted

    def _alphas(
        self, images: torch.Tensor, canvas: torch.Tensor, masks: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """α_r [B, G]: the class's score in each masked image less its score in the canvas."""
        # The bare canvas is the image behind a mask of zeros: one more mask, in the same batches.
        copies = torch.cat([masks, torch.zeros_like(masks[:, :1])], dim=1)
        scorer = Scorer.for_copies(self.classifier, copies.shape[1])
        scores = scorer.score_masks(images, copies, canvas, targets, self.parameters["alpha_score"])
        scores = scores.to(images.device)
        return scores[:, :-1] - scores[:, -1:]
