"""How concentrated a map is, whether or not it is right."""

from __future__ import annotations

import math
from typing import ClassVar

from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.figures import Figure, mean_figure
from saliency_core.lazy import torch


def gini_index(maps: torch.Tensor) -> torch.Tensor:
    """Gini index float64 [B] of |maps| [B, H, W]: 0 where all pixels are alike, 1 − 1 / (H·W) where all but one are
    zero.

    Of the values c₁ ≤ … ≤ c_N it is Σ (2k − N − 1) c_k / (N Σ c); 0 for a map of zeros, which is constant too.
    Source: Hurley and Rickard, Comparing Measures of Sparsity, IEEE Trans. Information Theory 2009.
    """
    values = maps.abs().flatten(1).double().sort(dim=1).values
    number = values.shape[1]
    weights = 2 * torch.arange(1, number + 1, dtype=torch.float64, device=maps.device) - number - 1
    total = values.sum(1)
    return (values * weights).sum(1) / (number * torch.where(total > 0, total, 1))


def entropy(maps: torch.Tensor) -> torch.Tensor:
    """Entropy in nats, float64 [B], of |maps| [B, H, W] divided by their sums.

    0 where one pixel has everything, ln(H·W) where all are alike; a map of zeros counts as constant. Source:
    complexity in Bhatt, Weller and Moura, Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020.
    """
    values = maps.abs().flatten(1).double()
    total = values.sum(1, keepdim=True)
    shares = values / torch.where(total > 0, total, 1)
    return torch.where(total[:, 0] > 0, -torch.xlogy(shares, shares).sum(1), math.log(values.shape[1]))


class Sparsity(Experiment):
    """Columns: gini, entropy. No forward passes.

    Absolute values are taken of the map as the method gives it, not stretched to [0, 1]: where the zero lies is the
    method's own statement. Hence a map far above zero everywhere, such as RISE's, is not sparse.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="sparsity",
        title="Sparsity",
        summary=(
            "How concentrated a map is: the Gini index and the entropy of its absolute values. Says how easily a map "
            "is read, not whether it is right."
        ),
        protocols=(
            Protocol(
                experiment="sparsity",
                name="gini@1",
                summary="Gini index and entropy of the absolute values, squashed to 224 × 224.",
                source=(
                    "Chalasani et al., Concise Explanations of Neural Networks using Adversarial Training, ICML "
                    "2020; Bhatt et al., IJCAI 2020"
                ),
            ),
        ),
    )

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    def measure(self, explained: Explained) -> Measurement:
        return Measurement(
            scalars={
                "gini": gini_index(explained.maps).cpu().numpy(),
                "entropy": entropy(explained.maps).cpu().numpy(),
            }
        )

    def figures(self) -> tuple[Figure, ...]:
        return (
            mean_figure(
                "gini",
                "Gini index",
                "Mean Gini index of the absolute values of a map: 0 for a constant one, nearly 1 for a single pixel.",
                unit="",
                better="higher",
            ),
            mean_figure(
                "entropy",
                "Entropy",
                "Mean entropy, in nats, of the absolute values of a map as shares of their sum; for a constant one "
                "ln(224²) = 10.82.",
                unit="",
                better="lower",
            ),
        )
