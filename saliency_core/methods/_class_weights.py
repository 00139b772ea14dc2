"""The weights with which a network's last layer adds averaged feature maps up to the scores of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.state import evaluation_mode
from saliency_core.errors import LayerError
from saliency_core.lazy import torch

_TOLERANCE = 1e-4  # of the largest value compared: averages are summed in another order


@dataclass(frozen=True)
class ClassWeights:
    """``module`` holds the weights (a linear layer, or a convolution of 1 × 1); ``rectified``: a ReLU stands
    between the feature maps and it.
    """

    module: torch.nn.Module
    rectified: bool

    def of(self, targets: torch.Tensor) -> torch.Tensor:
        """Weights [B, K] of classes ``targets`` [B]."""
        weight = self.module.weight.detach()
        return weight.view(weight.shape[0], -1)[targets]


def class_weights(classifier: Classifier, layer: str) -> ClassWeights:
    """The head behind ``layer``, found with one forward pass of a random picture. Raises LayerError.

    Two kinds are known: maps are averaged over space and go into a linear layer that gives the scores; or a
    1 × 1 convolution makes one map for each class, whose average (after a ReLU, in SqueezeNet) is the score.
    What enters the head is compared with the layer's own maps, so that a layer too early, or a head with more
    steps, is found out by its values whatever the modules are called.
    """
    classifier.module(layer)
    passed: dict[torch.nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}
    features: list[torch.Tensor] = []
    kinds = (torch.nn.Linear, torch.nn.Conv2d)

    def record(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor) and isinstance(inputs[0], torch.Tensor):
            passed[module] = (inputs[0].clone(), output.clone())  # cloned: in-place layers may follow

    def keep(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            features.append(output.clone())

    model = classifier.model
    handles = [
        module.register_forward_hook(record) for module in model.modules() if isinstance(module, kinds)
    ]
    handles.append(classifier.module(layer).register_forward_hook(keep))
    size = classifier.preprocessing.size
    picture = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad(), evaluation_mode(model):
            logits = classifier.logits(picture.to(classifier.device))
    finally:
        for handle in handles:
            handle.remove()
    if not features or features[-1].ndim != 4:
        raise LayerError(
            f"The layer {layer!r} of {classifier.title} gives no feature maps; CAM needs the convolutional "
            "layer before the global average."
        )
    found = False
    for module, (entered, left) in passed.items():
        if _gives_scores(left, logits):
            found = True
            for rectified in (False, True):
                maps = features[-1].relu() if rectified else features[-1]
                if _same(entered, maps.mean((2, 3)) if entered.ndim == 2 else maps):
                    return ClassWeights(module, rectified)
    raise LayerError(
        f"CAM needs the layer whose feature maps are averaged into the scores of {classifier.title}, and "
        f"{layer!r} is not that layer. Choose the last one before the average, or Grad-CAM."
        if found
        else f"CAM needs a linear last layer right after the global average, and {classifier.title} has none. "
        "Choose Grad-CAM, which is the same where there is one."
    )


def _gives_scores(left: torch.Tensor, logits: torch.Tensor) -> bool:
    """Whether a module's output is the scores, or maps whose average is."""
    if left.ndim == 4:
        return _same(left.mean((2, 3)), logits) or _same(left.relu().mean((2, 3)), logits)
    return _same(left, logits)


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    if first.shape != second.shape:
        return False
    return bool((first - second).abs().max() <= _TOLERANCE * second.abs().max())
