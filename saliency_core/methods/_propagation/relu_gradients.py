"""The pass that Guided Backpropagation and the deconvnet share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency_core.errors import LayerError
from saliency_core.lazy import torch
from saliency_core.methods._gradients import logit_gradients
from saliency_core.methods._propagation.relu_rules import ReluRule

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


def relu_rule_gradients(
    classifier: Classifier, images: torch.Tensor, targets: torch.Tensor, *, gated: bool
) -> torch.Tensor:
    """Gradients [B, 3, H, W] of the logits of ``targets`` [B] with the rule ReluRule at every ReLU. Raises
    LayerError if the network has none.
    """

    def forward(copies: torch.Tensor, batch: slice) -> torch.Tensor:
        with ReluRule(gated) as rule:
            rule.follow(copies)
            logits = classifier.logits(copies)
        if not rule.met:
            raise LayerError(
                f"{classifier.title} has no ReLU whose backward pass could be changed; choose a model with "
                "ReLUs, or the method Gradient."
            )
        return logits

    return logit_gradients(classifier, images, targets, forward)
