"""DeepLIFT."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription
from saliency_core.lazy import torch
from saliency_core.methods._gradients import logit_gradients, reduced, reduction_parameter
from saliency_core.methods._reference import reference_images, reference_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register


@register
class DeepLift(Method):
    """Σₖ mₖ · (x − x′)ₖ over the colour channels k, with the multipliers m of the Rescale rule.

    m is the gradient of the logit S_c with Δy/Δx in place of the derivative of every activation function,
    Δ being the difference between the image x and the reference x′ (``baseline``). Max pools, also overlapping
    ones, LayerNorm and products of activations are handled so that contributions are complete; see
    _propagation.rescale. captum refuses networks that use a ReLU module twice (every ResNet), leaves out
    functional ReLUs, and is not complete where max pools overlap or one nonlinear layer directly follows
    another, as a pool a ReLU (the first then gets the plain gradient of the second); elsewhere it gives the same.

    Reports with every map ``completeness_gap``: Σ contributions − (S_c(x) − S_c(x′)), in logits, before the
    channels are reduced; 0 up to rounding unless the network has attention or normalises groups of
    channels.

    Source: Shrikumar et al., Learning Important Features Through Propagating Activation Differences, 2017,
    sections 3.2 to 3.5.1.

    >>> method = create_method("deep_lift", classifier, baseline="blur")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="deep_lift",
        title="DeepLIFT",
        family="propagation",
        needs=("gradients",),
        parameters=(
            reference_parameter("captum; Shrikumar et al. 2017 choose it for each task"),
            reduction_parameter("sum", "The sum over channels keeps completeness"),
        ),
        paper=(
            "Shrikumar et al., Learning Important Features Through Propagating Activation Differences, ICML 2017"
        ),
        summary="The difference between the image's and a reference image's score, shared out among the pixels.",
        cost=lambda parameters: Cost(forwards=4, backwards=2),
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        from saliency_core.methods._propagation.rescale import RescaleRule

        references = reference_images(self.classifier, images, self.parameters["baseline"])
        differences = []

        def forward(copies: torch.Tensor, batch: slice) -> torch.Tensor:
            pairs = torch.cat([copies, references[batch]])
            with RescaleRule() as rule:
                rule.follow(pairs)
                logits, reference_logits = self.classifier.logits(pairs).chunk(2)
            differences.append((logits - reference_logits).detach())
            return logits

        multipliers = logit_gradients(self.classifier, images, targets, forward, copies=2)
        contributions = multipliers * (images - references)
        expected = torch.cat(differences).gather(1, targets[:, None])[:, 0].double()
        gap = contributions.double().sum((1, 2, 3)) - expected
        return reduced(contributions, self.parameters["reduction"]), {"completeness_gap": gap}
