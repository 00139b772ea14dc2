"""Score-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import USUAL_CHANNELS, Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter, weighted_sum
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register
from saliency_core.scoring.canvas import numbered
from saliency_core.scoring.layer_outputs import record_layer
from saliency_core.scoring.masks import is_flat, unit_range
from saliency_core.scoring.scorer import Scorer


@register
class ScoreCam(Method):
    """Feature maps weighted by the class score of the image masked with each of them.

    With φ bilinear enlargement to the input, N01 stretching to [0, 1], S_c the logit and P_c the probability
    of the class:

    - "official": L = ReLU(φ(Σₖ P_c(x ⊙ Hᵏ) Aᵏ)), Hᵏ = N01(φ(Aᵏ)). The authors' code, and what they say their
      experiments used: no baseline, no softmax over channels.
    - "paper": L = φ(ReLU(Σₖ αₖ Aᵏ)), α = softmaxₖ(S_c(x ⊙ Hᵏ) − S_c(0)), Hᵏ as above (Algorithm 1). The
      baseline is the same for all channels and falls out of the softmax, so it is not computed.
    - "logit_softmax": as "paper" with Hᵏ = φ(N01(Aᵏ)), the form of torch-cam.

    A channel that is constant over the map has no mask: it is skipped in every variant and has weight 0 (and
    takes no share of the softmax). Masks are made from the feature maps as they are scored, a batch at a time.

    Source: Wang et al., Score-CAM, CVPR Workshops 2020; code haofanwang/Score-CAM.

    >>> method = create_method("score_cam", classifier, layer="features.29")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="score_cam",
        title="Score-CAM",
        family="cam",
        needs=("convolutional_layer",),
        parameters=(
            layer_parameter(
                "Convolutional layer whose feature maps are masks. The image is scored once per channel."
            ),
            Parameter(
                name="variant",
                kind="choice",
                default="official",
                choices=("official", "paper", "logit_softmax"),
                title="Variant",
                help=(
                    "official: weights are class probabilities. paper: softmax over the channels of logits "
                    "(Algorithm 1); a few channels dominate. logit_softmax: the same with maps stretched to "
                    "[0, 1] before they are enlarged, as in torch-cam."
                ),
                source="The authors' code, which their experiments used",
            ),
        ),
        paper=(
            "Wang et al., Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks, "
            "CVPR Workshops 2020"
        ),
        summary="Feature maps of one layer, each weighted by the class score of the image it masks.",
        cost=lambda parameters: Cost(forwards=1 + parameters.get("channels", USUAL_CHANNELS)),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        variant, size = self.parameters["variant"], (images.shape[2], images.shape[3])
        scorer = Scorer(self.classifier)
        features = record_layer(self.classifier, self.parameters["layer"], images, scorer.batch_size).features
        varying = ~is_flat(features)
        image, channel = varying.nonzero(as_tuple=True)

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            chosen = image[jobs]
            return (
                numbered(images, chosen)
                * score_masks_of(features[chosen, channel[jobs]], size, variant)[:, None]
            )

        output = "probability" if variant == "official" else "logit"
        scores = scorer.score_composed(len(image), compose, targets[image], output).to(features.device)
        weights = torch.zeros(features.shape[:2], device=features.device)
        weights[image, channel] = scores
        if variant == "official":
            return upsampled(weighted_sum(features, weights), size).relu()
        weights = channel_softmax(weights, varying)
        return upsampled(weighted_sum(features, weights).relu(), size)


def score_masks_of(maps: torch.Tensor, size: tuple[int, int], variant: str) -> torch.Tensor:
    """Keep-masks [N, H, W] in [0, 1] of feature maps [N, h, w], in the order that the variant asks for."""
    if variant == "logit_softmax":
        return upsampled(unit_range(maps), size)
    return unit_range(upsampled(maps, size))


def channel_softmax(scores: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    """Softmax of scores [B, K] over the channels that ``counted`` bool [B, K] marks; zeros elsewhere."""
    shares = scores.masked_fill(~counted, -torch.inf).softmax(1)
    return torch.where(counted, shares, torch.zeros_like(shares))  # no channel at all would be 0/0
