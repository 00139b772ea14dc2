"""Rules of layer-wise relevance propagation for affine layers (convolutions and dense layers).

Relevance travels as relevance per activation, c = R / a. What a rule makes of an affine layer z = Wx + b is then
a linear function of c, so it can be written as a *surrogate*: a function of x whose gradient, multiplied by c,
is the c of the input:

    R_i = x_i c_i,   c_i = Σⱼ cⱼ ∂(surrogate)ⱼ/∂x_i,   Rⱼ = zⱼ cⱼ.

Sums, concatenations, average and max pools, reshaping and ReLUs need no rule in this form: their gradient
distributes R in proportion to the contributions. Notation: x⁺ = max(x, 0), x⁻ = min(x, 0).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from saliency_core.lazy import torch

Run = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]


@dataclass(frozen=True)
class Affine:
    """An affine layer: ``run(x, weight, bias)`` computes it. Its output has ``spatial`` axes after the channels."""

    run: Run
    weight: torch.Tensor
    bias: torch.Tensor | None
    spatial: int

    def folded(self, scale: torch.Tensor, shift: torch.Tensor) -> Affine:
        """The layer followed by · scale + shift for every output channel."""
        weight = self.weight * scale.view(-1, *[1] * (self.weight.ndim - 1))
        bias = shift if self.bias is None else self.bias * scale + shift
        return replace(self, weight=weight, bias=bias)

    def shaped(self, bias: torch.Tensor) -> torch.Tensor:
        """A bias [K], so that it can be added to the output."""
        return bias.view(-1, *[1] * self.spatial)


# From the layer, its input x (to be differentiated) and its output z, the surrogate.
Rule = Callable[[Affine, torch.Tensor, torch.Tensor], torch.Tensor]


def epsilon_rule(epsilon: float) -> Rule:
    """R_i = Σⱼ x_i wⱼᵢ / (zⱼ + ε sign zⱼ) · Rⱼ (Bach et al. 2015, equation 58); the bias takes its part in z."""

    def rule(layer: Affine, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        stabilised = z + torch.where(z >= 0, epsilon, -epsilon)
        return layer.run(x, layer.weight, None) * quotient(z, stabilised)

    return rule


def gamma_rule(gamma: float) -> Rule:
    """R_i = Σⱼ x_i (w + γ w⁺)ⱼᵢ / Σ_k x_k (w + γ w⁺)ⱼₖ · Rⱼ for x ≥ 0 and zⱼ > 0.

    For other signs what γ favours is the contributions x_i wⱼᵢ of the sign of zⱼ, so that the denominator is
    never smaller than |zⱼ|. The bias takes its part in the denominator. Source: Montavon et al. 2019, section
    10.2.3.
    """

    def rule(layer: Affine, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        weight, bias = layer.weight, layer.bias
        surrogate = torch.zeros_like(z)
        for sign in (1, -1):
            of_sign = z * sign > 0
            if not bool(of_sign.any()):
                continue
            contributions = _by_sign(layer, x, sign, lambda part: weight + gamma * part)
            total = contributions.detach()
            if bias is not None:
                total = total + layer.shaped(bias + gamma * (bias * sign).clamp(min=0) * sign)
            surrogate = surrogate + contributions * torch.where(of_sign, quotient(z, total), 0.0)
        return surrogate

    return rule


def alpha_beta_rule(alpha: float, beta: float, biases: int = 1) -> Rule:
    """R_i = Σⱼ (α (x_i wⱼᵢ)⁺ / zⱼ⁺ − β (x_i wⱼᵢ)⁻ / zⱼ⁻) · Rⱼ with z⁺ and z⁻ the sums of the positive and of
    the negative contributions (Bach et al. 2015, equation 60).

    ``biases`` 1: b⁺ belongs to z⁺ and b⁻ to z⁻. 0: biases are left out. 2: z⁺ contains the whole bias, of either
    sign, twice (the code of Relevance-CAM, see there).
    """

    def rule(layer: Affine, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        bias = layer.bias
        surrogate = torch.zeros_like(z)
        for factor, sign in ((alpha, 1), (-beta, -1)):
            if not factor:
                continue
            contributions = _by_sign(layer, x, sign, lambda part: part)
            total = contributions.detach()
            if bias is not None and biases:
                total = total + layer.shaped(2 * bias if biases == 2 else (bias * sign).clamp(min=0) * sign)
            surrogate = surrogate + factor * contributions * quotient(z, total)
        return surrogate

    return rule


def box_surrogate(
    layer: Affine, x: torch.Tensor, low: torch.Tensor, high: torch.Tensor, z: torch.Tensor
) -> torch.Tensor:
    """z^B rule for pixels low ≤ x ≤ high (Montavon et al. 2017):

    R_i = Σⱼ (x_i wⱼᵢ − l_i w⁺ⱼᵢ − h_i w⁻ⱼᵢ) / Σ_k (x_k wⱼₖ − l_k w⁺ⱼₖ − h_k w⁻ⱼₖ) · Rⱼ. To be differentiated by
    all three inputs, each of which is proportional to the relevance's carrier.
    """
    contributions = (
        layer.run(x, layer.weight, None)
        - layer.run(low, layer.weight.clamp(min=0), None)
        - layer.run(high, layer.weight.clamp(max=0), None)
    )
    return contributions * quotient(z, contributions.detach())


def flat_surrogate(layer: Affine, unit: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """Flat rule: Rⱼ is spread evenly over the pixels that zⱼ sees (Lapuschkin et al. 2019)."""
    contributions = layer.run(unit, torch.ones_like(layer.weight), None)
    return contributions * quotient(z, contributions.detach())


def quotient(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """numerator / denominator, 0 where the denominator is 0."""
    zero = denominator == 0
    return torch.where(zero, 0.0, numerator / torch.where(zero, 1.0, denominator))


def _by_sign(
    layer: Affine, x: torch.Tensor, sign: int, weights: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Σ x_i v_i without bias, where v = weights(the part of w for which x_i w has the given sign)."""

    def part(sign: int) -> torch.Tensor:
        return weights(layer.weight.clamp(min=0) if sign > 0 else layer.weight.clamp(max=0))

    below = x < 0
    if not bool(below.any()):  # behind a ReLU
        return layer.run(x, part(sign), None)
    return layer.run(x * ~below, part(sign), None) + layer.run(x * below, part(-sign), None)
