"""Relevance-CAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from saliency_core.classifiers.recording import forward_recording
from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import layer_parameter, weighted_sum
from saliency_core.methods._gradients import batches, blank_image
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


@register
class RelevanceCam(Method):
    """Σₖ wₖ Aᵏ with wₖ the spatial mean of the relevance Rᵏ of feature map Aᵏ; no ReLU.

    Contrastive start: R = 1 at class c, −1/C at the C − 1 others. Down to the layer with the αβ rule, α = 1 and
    β = 0 (both signs of contributions in one normaliser), in convolutions and linear layers; BatchNorm and
    activation functions pass relevance unchanged, pools and residual sums share it in proportion.
    A score that is exactly 0 cannot pass its relevance on.

    The authors' code adds a convolution's bias to both halves of the normaliser, whatever its sign, and none in
    linear layers; by default biases are left out in both, which keeps the total and no denominator can be
    negative. ``convolution_bias`` = "twice" does as the code.

    Source: Lee et al., Relevance-CAM, CVPR 2021; mongeoroo/Relevance-CAM, modules/layers.py.

    >>> method = create_method("relevance_cam", classifier, layer="layer2")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="relevance_cam",
        title="Relevance-CAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter(),
            Parameter(
                name="convolution_bias",
                kind="choice",
                default="ignored",
                choices=("ignored", "twice"),
                title="Biases of convolutions",
                help="Left out of the rule's normaliser, or added to it twice as the authors' code does.",
                source="Our choice; the authors' code: twice",
            ),
        ),
        paper=("Lee et al., Relevance-CAM: Your Model Already Knows Where to Look, CVPR 2021"),
        summary="Feature maps of one layer, weighted by the relevance that they pass on to the class.",
        cost=lambda parameters: Cost(forwards=2, backwards=0.5),
    )

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises LayerError for an operation above the layer that has no rule; see Method for the rest."""
        super().__init__(classifier, **parameters)
        with blank_image(classifier) as image:
            self._prepared(image)

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        from saliency_core.methods._propagation.lrp_rules import quotient

        maps = []
        for batch in batches(self.classifier, len(images)):
            features, logits = self._prepared(images[batch])
            start = torch.full_like(logits, -1 / logits.shape[1]).scatter_(1, targets[batch, None], 1.0)
            (per_activation,) = torch.autograd.grad(
                logits, features, quotient(start, logits.detach()), materialize_grads=True
            )
            activations = features.detach()
            weights = (activations * per_activation).mean((2, 3))
            maps.append(weighted_sum(activations, weights))
        return upsampled(torch.cat(maps), (images.shape[2], images.shape[3]))

    def _prepared(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Feature maps A [B, K, h, w] and logits [B, C] whose gradient by A is relevance per activation."""
        from saliency_core.methods._propagation.lrp_rules import alpha_beta_rule
        from saliency_core.methods._propagation.relevance import Composite
        from saliency_core.methods._propagation.relevance_pass import relevance_pass

        classifier, classes = self.classifier, len(self.classifier.class_names)
        biases = 2 if self.parameters["convolution_bias"] == "twice" else 0
        composite = Composite(alpha_beta_rule(1, 0, biases), alpha_beta_rule(1, 0, 0), fold=False)
        with relevance_pass(classifier.model, composite, classes, classifier.title):
            return forward_recording(classifier, self.parameters["layer"], images)
