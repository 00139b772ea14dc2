"""Ablation-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import USUAL_CHANNELS, Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter, weighted_sum
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register
from saliency_core.scoring.layer_outputs import LayerOutputs, record_layer, replaced_output
from saliency_core.scoring.scorer import Scorer

_SMALLEST_LOGIT = 1e-6  # the relative drop is divided by |S_c| plus this
_SAME_LOGIT = 1e-5  # relative to the largest logit; rounding errors of a deep network stay below


@register
class AblationCam(Method):
    """L = φ(ReLU(Σₖ wₖ Aᵏ)), wₖ = (S_c − S_c without channel k) / (|S_c| + ε).

    S_c is the logit; a channel is taken away by setting it to 0 in the layer's output; φ is bilinear
    enlargement to the input. The absolute value keeps the weights' signs where the logit is negative (the paper
    divides by S_c); as a factor common to all channels it does not change the normalised map. A channel that is
    zero everywhere has the weight 0 and is not run.

    Where everything that reaches the logits passes through the layer, only the network above it runs for each
    channel: one blank image a batch goes through the part below, and the hook on the layer puts a batch of ablated
    feature maps in its place. Whether that is so is tried on the images themselves; otherwise (a layer inside a
    residual or dense block) the whole network runs.

    Source: Desai and Ramaswamy, Ablation-CAM, WACV 2020, equations 2 and 3. pytorch-grad-cam sets channels of
    layers with negative values to min − 10⁷ instead; that is not done here.

    >>> method = create_method("ablation_cam", classifier, layer="features.29")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="ablation_cam",
        title="Ablation-CAM",
        family="cam",
        needs=("convolutional_layer",),
        parameters=(
            layer_parameter(
                "Convolutional layer whose channels are taken away one at a time. The network above it runs "
                "once per channel."
            ),
        ),
        paper=(
            "Desai and Ramaswamy, Ablation-CAM: Visual Explanations for Deep Convolutional Network via "
            "Gradient-free Localization, WACV 2020"
        ),
        summary="Feature maps of one layer, each weighted by how far the class score falls without it.",
        # An upper bound: usually only the network above the layer runs for each channel.
        cost=lambda parameters: Cost(forwards=1 + parameters.get("channels", USUAL_CHANNELS)),
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        scorer = Scorer(self.classifier)
        recorded = record_layer(self.classifier, self.parameters["layer"], images, scorer.batch_size)
        features = recorded.features
        batch, channels = features.shape[:2]
        # The untouched image is a job beside its ablated copies ("channel" K), so that both are computed alike.
        present = torch.cat([features.ne(0).any(3).any(2), features.new_ones(batch, 1, dtype=torch.bool)], 1)
        image, channel = present.nonzero(as_tuple=True)
        logits = self._logits(scorer, images, targets, recorded, image, channel)
        table = torch.zeros(batch, channels + 1, device=features.device)
        table[image, channel] = logits.to(features.device)
        untouched = table[:, channels:]
        drops = torch.where(present, untouched - table, torch.zeros_like(table))[:, :channels]
        weights = drops / (untouched.abs() + _SMALLEST_LOGIT)
        cam = weighted_sum(features, weights).relu()
        return upsampled(cam, (images.shape[2], images.shape[3]))

    def _logits(
        self,
        scorer: Scorer,
        images: torch.Tensor,
        targets: torch.Tensor,
        recorded: LayerOutputs,
        image: torch.Tensor,
        channel: torch.Tensor,
    ) -> torch.Tensor:
        """The targets' logits [J] of images number ``image`` [J] without channel ``channel`` [J]."""
        features, blank = recorded.features, torch.zeros_like(images[:1])
        above_only = self._is_bottleneck(scorer, blank, recorded)
        if above_only:
            scorer = Scorer.for_features(self.classifier, features.shape[1] + 1, features[0].numel())
        every = torch.arange(features.shape[1], device=features.device)[:, None, None]
        current = image[:0]

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            nonlocal current
            current = jobs
            return blank if above_only else images[image[jobs]]

        def ablated(output: torch.Tensor) -> torch.Tensor:
            source = features[image[current]] if above_only else output
            return source.masked_fill(every == channel[current].view(-1, 1, 1, 1), 0)

        with replaced_output(self.classifier, self.parameters["layer"], ablated, recorded.calls):
            return scorer.score_composed(len(image), compose, targets[image], "logit")

    def _is_bottleneck(self, scorer: Scorer, blank: torch.Tensor, recorded: LayerOutputs) -> bool:
        """Whether the logits follow from the layer's output alone, also in another batch size than below it."""
        supplied = recorded.features

        def supply(output: torch.Tensor) -> torch.Tensor:
            return supplied

        try:
            for features, logits in zip(
                recorded.features.split(scorer.batch_size),
                recorded.logits.split(scorer.batch_size),
                strict=True,
            ):
                with (
                    torch.no_grad(),
                    replaced_output(self.classifier, self.parameters["layer"], supply, recorded.calls),
                ):
                    # The first image twice: at least two, so that the batch size differs from that below.
                    supplied = torch.cat([features, features[:1]])
                    again = self.classifier.logits(blank)
                if len(again) != len(supplied):
                    return False
                again = again[:-1]
                largest = logits.abs().nan_to_num(0).max().item()
                if not torch.allclose(again, logits, rtol=0, atol=_SAME_LOGIT * largest, equal_nan=True):
                    return False
        except (RuntimeError, ValueError, IndexError):  # batches of two sizes met above the layer
            return False
        return True
