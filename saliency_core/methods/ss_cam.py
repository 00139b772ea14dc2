"""SS-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import USUAL_CHANNELS, Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter, weighted_sum
from saliency_core.methods._random import image_generator, seed_parameter
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register
from saliency_core.methods.score_cam import channel_softmax, score_masks_of
from saliency_core.scoring.layer_outputs import record_layer
from saliency_core.scoring.masks import is_flat
from saliency_core.scoring.scorer import Scorer


@register
class SsCam(Method):
    """Score-CAM with noisy masks: L = φ(ReLU(Σₖ αₖ Aᵏ)), α = softmaxₖ(meanₙ S_c(x ⊙ (φ(N01(Aᵏ)) + εₙ)) − S_c(x)).

    εₙ ~ N(0, σ²) at every pixel, the same for the three colours; S_c is the logit, φ bilinear enlargement, N01
    stretching to [0, 1]. S_c(x) is the same for all channels and falls out of the softmax, so it is not
    computed. Without noise this is Score-CAM's variant "logit_softmax". Constant channels are skipped.

    The N noise fields of an image serve all its channels: each channel's mean has the distribution that noise
    of its own would give, but the difference between two channels is not blurred by different noise, and N fields
    are drawn instead of K·N. They come from the seed and the image's own values.

    Source: Wang et al., SS-CAM, 2020, equations 4 to 6; masks, σ and N as in torch-cam.

    >>> method = create_method("ss_cam", classifier, layer="features.12", samples=35)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="ss_cam",
        title="SS-CAM",
        family="cam",
        needs=("convolutional_layer",),
        parameters=(
            layer_parameter("Convolutional layer whose feature maps are masks."),
            Parameter(
                name="samples",
                kind="integer",
                default=35,
                minimum=1,
                maximum=200,
                title="Samples",
                help=(
                    "Noisy copies of every channel's mask. Impractical for more than a few images: an image "
                    "needs samples × channels forward passes, 17,920 with the default and 512 channels."
                ),
                source="torch-cam",
            ),
            Parameter(
                name="sigma",
                kind="number",
                default=2.0,
                minimum=0,
                maximum=10,
                title="Noise",
                help="Standard deviation of the noise that is added to masks in [0, 1].",
                source="torch-cam",
            ),
            seed_parameter("The same seed gives the same noise for the same image."),
        ),
        paper="Wang et al., SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization, 2020",
        summary=(
            "Score-CAM whose masks are scored many times with noise. Thousands of forward passes an image: "
            "impractical for data sets."
        ),
        cost=lambda parameters: Cost(
            forwards=1 + parameters["samples"] * parameters.get("channels", USUAL_CHANNELS)
        ),
        quick={"samples": 2},
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        scorer = Scorer(self.classifier)
        features = record_layer(self.classifier, self.parameters["layer"], images, scorer.batch_size).features
        varying = ~is_flat(features)
        scores = torch.zeros(features.shape[:2], device=features.device)
        # One image after the other, so that only one image's noise is kept.
        for number in range(len(images)):
            channels = varying[number].nonzero()[:, 0]
            scores[number, channels] = self._channel_scores(
                scorer, images[number], targets[number], features[number, channels]
            )
        cam = weighted_sum(features, channel_softmax(scores, varying)).relu()
        return upsampled(cam, (images.shape[2], images.shape[3]))

    def _channel_scores(
        self, scorer: Scorer, image: torch.Tensor, target: torch.Tensor, maps: torch.Tensor
    ) -> torch.Tensor:
        """Mean logit [K] of the class of ``image`` [3, H, W] under the noisy masks of feature maps [K, h, w]."""
        samples, size = self.parameters["samples"], (image.shape[1], image.shape[2])
        generator = image_generator(self.parameters["seed"], image)
        noise = self.parameters["sigma"] * torch.randn(samples, *size, generator=generator).to(image.device)

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            masks = score_masks_of(maps[jobs // samples], size, "logit_softmax") + noise[jobs % samples]
            return image * masks[:, None]

        jobs = len(maps) * samples
        scores = scorer.score_composed(jobs, compose, target.expand(jobs), "logit")
        return scores.view(len(maps), samples).mean(1).to(image.device)
