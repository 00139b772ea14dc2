"""A classifier whose scores are sums over pixels, for which LIME's and Shapley's values are known."""

from __future__ import annotations

import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing

SIZE = 32


class LinearNetwork(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.weight = torch.nn.Parameter(torch.randn(3, 3, SIZE, SIZE, generator=generator) / SIZE)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bchw,kchw->bk", images, self.weight)


class LinearClassifier(Classifier):
    """Its "probability" is the linear score itself."""

    def __init__(self) -> None:
        super().__init__(LinearNetwork(), name="linear", preprocessing=Preprocessing(size=SIZE))

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        return logits


def contributions(
    classifier: Classifier, images: torch.Tensor, canvas: torch.Tensor, labels: torch.Tensor, target: int
) -> list[torch.Tensor]:
    """What each superpixel adds to the score when it is shown in place of the canvas: one tensor per image."""
    gains = ((images - canvas) * classifier.model.weight[target]).sum(1).double().detach()
    return [
        torch.stack([gain[label == number].sum() for number in range(int(label.max()) + 1)])
        for gain, label in zip(gains, labels, strict=True)
    ]
