"""DeepLIFT's multipliers: the Rescale rule for activation functions, and its like for pools and products."""

from __future__ import annotations

from typing import Any

from saliency_core.lazy import functional, torch
from saliency_core.methods._propagation.interception import (
    Function,
    Interception,
    Surrogate,
    elementwise,
    function_name,
)
from saliency_core.methods._propagation.operations import ELEMENTWISE, MAX_POOLS, plain_name

_PRODUCTS = frozenset({"mul", "multiply", "mul_", "multiply_", "__mul__", "__rmul__", "__imul__"})
_LEAST_DIFFERENCE = 1e-6  # below it the quotient of two differences is rounding: the derivative instead


class RescaleRule(Interception):
    """Makes the gradient by the first half of a batch the multiplier m of DeepLIFT, the second half being the
    references of the first: Σ m (x − x′) = S(x) − S(x′).

    Activation functions have m = Δy/Δx, or their derivative where Δx vanishes. Max pools give
    max(y, y′) − y′ to the place of the largest value and y − max(y, y′) to the place of the largest reference
    value, as captum does, and add what overlapping windows give to one place. Products of two activations (squeeze
    and excitation) have the other factor's mean over image and reference; LayerNorm is a product too, of the
    centred values with 1/σ (see _layer_norm). All this is exact; what is differentiated as usual although it is
    not linear (softmax and products of matrices in attention, other normalisation by statistics of the image) is
    not, and shows as a completeness gap.
    """

    def call(self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        name = function_name(function)
        plain = plain_name(name)
        if plain in ELEMENTWISE and self.follows(arguments[0]):

            def rescaled(values: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
                return _rescaled(function, arguments, options, values, result)

            return elementwise(function, arguments, options, rescaled)
        if plain in MAX_POOLS:
            return _pooled(plain, arguments, options)
        if function is functional.layer_norm and self.follows(arguments[0]):
            return _layer_norm(*arguments, **options)
        if name in _PRODUCTS and all(self.follows(factor) for factor in arguments[:2]):
            return _product(name, *arguments[:2])
        return super().call(function, arguments, options)


def _rescaled(
    function: Function,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    values: torch.Tensor,
    result: torch.Tensor,
) -> torch.Tensor:
    with torch.enable_grad():
        point = values.detach().clone().requires_grad_(True)
        # Copied: an in-place function is not allowed on a leaf.
        derivative = torch.autograd.grad(
            function(point.clone(), *arguments[1:], **options).sum(), point, materialize_grads=True
        )[0]
    difference = _first_minus_second(values.detach())
    small = difference.abs() < _LEAST_DIFFERENCE
    quotient = _first_minus_second(result) / torch.where(small, torch.ones_like(difference), difference)
    multiplier = torch.where(small, derivative.chunk(2)[0], quotient)
    return Surrogate.apply(result, lambda x: x * torch.cat([multiplier, multiplier]), values)


def _pooled(name: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    values = arguments[0]
    pool = getattr(functional, name)
    options = {key: value for key, value in options.items() if key != "return_indices"}
    with torch.no_grad():
        result, places = pool(values.detach(), *arguments[1:], **options, return_indices=True)
        output, reference = result.chunk(2)
        of_image, of_reference = (places.flatten(2) for places in places.chunk(2))
        difference = _first_minus_second(values).flatten(2)
        largest = torch.maximum(output, reference)
        shares = [
            _quotient((largest - reference).flatten(2), difference.gather(2, of_image)),
            _quotient((output - largest).flatten(2), difference.gather(2, of_reference)),
        ]
    shape = result.shape

    def surrogate(x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(2)
        both = [
            flat.gather(2, torch.cat([place, place])) * torch.cat([share, share])
            for place, share in zip((of_image, of_reference), shares, strict=True)
        ]
        return (both[0] + both[1]).view(shape)

    return Surrogate.apply(result, surrogate, values)


def _product(name: str, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    in_place = name in {"mul_", "multiply_", "__imul__"}
    means = [_mean_of_halves(factor.detach()) for factor in (first, second)]
    result = first.detach() * second.detach()
    # What the graph keeps of the factor must not be overwritten.
    factor = first.clone() if in_place else first
    output = Surrogate.apply(result, lambda a, b: a * means[1] + b * means[0], factor, second)
    return first.copy_(output) if in_place else output


def _layer_norm(
    input: torch.Tensor,
    normalized_shape: Any,
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> torch.Tensor:
    """y = c s with c = x − mean x and s = (mean c² + eps)^(−1/2): Δy = s Δc + c′ Δs, where Δs = κ Δ(mean c²),
    κ = Δs / Δ(mean c²) and Δ(mean c²) = mean((c + c′) Δc).

    Not s̄ Δc + c̄ Δs with means of image and reference: at a blank reference s′ is near 1/√eps, and two huge terms
    would cancel.
    """
    axes = tuple(range(-len(normalized_shape), 0))
    with torch.no_grad():
        result = functional.layer_norm(input, normalized_shape, weight, bias, eps)
        centred = input - input.mean(axes, keepdim=True)
        variance = (centred**2).mean(axes, keepdim=True)
        inverse = (variance + eps).rsqrt()
        of_image, of_reference = inverse.chunk(2)
        # κ in a form without differences of nearly equal numbers.
        slope = -((of_image * of_reference) ** 2) / (of_image + of_reference)
        scale, change = torch.cat([of_image] * 2), torch.cat([centred.chunk(2)[1] * slope] * 2)
        direction = 2 * _mean_of_halves(centred)

    def surrogate(x: torch.Tensor) -> torch.Tensor:
        c = x - x.mean(axes, keepdim=True)
        y = scale * c + change * (direction * c).mean(axes, keepdim=True)
        return y if weight is None else y * weight.detach()

    return Surrogate.apply(result, surrogate, input)


def _mean_of_halves(values: torch.Tensor) -> torch.Tensor:
    first, second = values.chunk(2)
    return torch.cat([first + second] * 2) / 2


def _first_minus_second(values: torch.Tensor) -> torch.Tensor:
    first, second = values.chunk(2)
    return first - second


def _quotient(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """0 where the denominator is 0: there the numerator is 0 too."""
    zero = denominator == 0
    return torch.where(
        zero,
        torch.zeros_like(numerator),
        numerator / torch.where(zero, torch.ones_like(denominator), denominator),
    )
