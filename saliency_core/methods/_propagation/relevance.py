"""Layer-wise relevance propagation through any network: its forward pass, prepared for a backward pass of relevance.

See lrp_rules for how relevance travels. What an operation does is decided by what it is, not by the module that
calls it; an operation without a rule is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.errors import LayerError
from saliency_core.lazy import functional, torch
from saliency_core.methods._propagation.interception import (
    Function,
    Interception,
    Surrogate,
    elementwise,
    function_name,
    tensors_in,
)
from saliency_core.methods._propagation.lrp_rules import Affine, Rule, box_surrogate, flat_surrogate
from saliency_core.methods._propagation.operations import (
    ACTIVATIONS,
    BILINEAR,
    GATES,
    PROPORTIONAL,
    QUOTIENTS,
    plain_name,
)
from saliency_core.methods._propagation.passing_rules import layer_norm, passed_unchanged

_AFFINE_SPATIAL = {"linear": 0, "conv1d": 1, "conv2d": 2}


@dataclass(frozen=True)
class Composite:
    """Which rule holds where.

    ``convolution``; ``dense`` for linear layers and a 1 × 1 convolution to the classes; ``first`` for a
    convolution on the image itself: "box" (z^B), "flat", or "same" as any other. ``fold``: batch normalisation
    after a convolution or linear layer is part of it; otherwise, and elsewhere, relevance passes it unchanged.
    """

    convolution: Rule
    dense: Rule
    first: str = "same"
    fold: bool = True


@dataclass(frozen=True)
class _Pixels:
    """The image and what has the same place: lowest and highest possible values, and ones."""

    low: torch.Tensor
    high: torch.Tensor
    unit: torch.Tensor


@dataclass(frozen=True)
class _Computed:
    """How the output of an affine layer was computed, for a normalisation that may follow."""

    layer: Affine
    rule: Rule
    values: torch.Tensor
    version: int


class RelevanceRule(Interception):
    """Differentiates the network as ``composite`` says. To be used by relevance_pass."""

    def __init__(self, composite: Composite, classes: int, title: str, running: list[str]) -> None:
        """``running``: names of the modules that are being computed, the innermost last."""
        super().__init__()
        self._composite, self._classes = composite, classes
        self._title, self._running = title, running
        self._pixels: Any = torch.utils.weak.WeakTensorKeyDictionary()
        self._computed: Any = torch.utils.weak.WeakTensorKeyDictionary()
        self._gates: Any = torch.utils.weak.WeakTensorKeyDictionary()

    def follow_pixels(
        self, images: torch.Tensor, low: torch.Tensor, high: torch.Tensor, unit: torch.Tensor
    ) -> None:
        self.follow(images)
        self._pixels[images] = _Pixels(low, high, unit)

    def call(self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        plain = plain_name(function_name(function))
        if plain in _AFFINE_SPATIAL:
            return self._affine(function, plain, *arguments, **options)
        if function is functional.batch_norm:
            return self._batch_norm(*arguments, **options)
        if function is functional.layer_norm:
            return layer_norm(*arguments, **options)
        if plain in ACTIVATIONS | GATES and self.follows(arguments[0]):
            output = elementwise(function, arguments, options, passed_unchanged)
            if plain in GATES:
                self._gates[output] = True
            return output
        if plain in BILINEAR:
            arguments = self._without_gates(arguments)
        result = super().call(function, arguments, options)
        self._check(function, plain, arguments, result)
        self._mark(function, plain, arguments, options, result)
        return result

    def _affine(
        self,
        function: Function,
        name: str,
        input: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None = None,
        *rest: Any,
        **options: Any,
    ) -> torch.Tensor:
        if self.follows(weight) or not self.follows(input):
            raise self._refusal(f"{name} with weights that depend on the image")

        def run(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
            result: torch.Tensor = function(x, weight, bias, *rest, **options)
            return result

        spatial = _AFFINE_SPATIAL[name]
        layer = Affine(run, weight.detach(), None if bias is None else bias.detach(), spatial)
        to_classes = spatial == 2 and weight.shape[0] == self._classes and weight.shape[2:] == (1, 1)
        rule = self._composite.convolution if spatial and not to_classes else self._composite.dense
        with torch.no_grad():
            values = run(input, layer.weight, layer.bias)
        output = self._propagated(layer, rule, input, values)
        self._computed[output] = _Computed(layer, rule, input, output._version)
        return output

    def _propagated(
        self, layer: Affine, rule: Rule, inputs: torch.Tensor, values: torch.Tensor
    ) -> torch.Tensor:
        """The layer's output ``values``, connected to its input by the rule."""
        pixels, first = self._pixels.get(inputs), self._composite.first
        if pixels is None or first == "same" or not layer.spatial:
            return Surrogate.apply(values, lambda x: rule(layer, x, values), inputs)
        if first == "flat":
            return Surrogate.apply(values, lambda unit: flat_surrogate(layer, unit, values), pixels.unit)
        return Surrogate.apply(
            values,
            lambda x, low, high: box_surrogate(layer, x, low, high, values),
            inputs,
            pixels.low,
            pixels.high,
        )

    def _batch_norm(
        self,
        input: torch.Tensor,
        running_mean: torch.Tensor | None,
        running_var: torch.Tensor | None,
        weight: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> torch.Tensor:
        if training or running_mean is None or running_var is None:
            raise self._refusal("batch normalisation by the statistics of the batch")
        with torch.no_grad():
            scale = (running_var + eps).rsqrt() * (1.0 if weight is None else weight)
            shift = (0.0 if bias is None else bias) - running_mean * scale
            values = functional.batch_norm(
                input, running_mean, running_var, weight, bias, False, momentum, eps
            )
        before = self._computed.get(input)
        # An output that was changed in place is no longer the layer's.
        if self._composite.fold and before is not None and input._version == before.version:
            return self._propagated(before.layer.folded(scale, shift), before.rule, before.values, values)
        return passed_unchanged(input, values)

    def _without_gates(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """In a product of two activations the gate carries no relevance ("signal takes all")."""
        factors = [item for item in arguments if self.follows(item)]
        if len(factors) < 2 or all(factor in self._gates for factor in factors):
            return arguments
        return tuple(
            item.detach() if self.follows(item) and item in self._gates else item for item in arguments
        )

    def _check(self, function: Function, plain: str, arguments: tuple[Any, ...], result: Any) -> None:
        if not any(tensor.requires_grad for tensor in tensors_in(result)):
            return
        if plain in PROPORTIONAL:
            return
        carriers = [tensor.requires_grad and self.follows(tensor) for tensor in tensors_in(arguments)]
        if plain in BILINEAR and sum(carriers) == 1:
            return
        if plain in QUOTIENTS and not any(carriers[1:]):
            return
        raise self._refusal(_full_name(function))

    def _mark(
        self, function: Function, plain: str, arguments: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> None:
        """Remember which results are still a gate, or still the image's pixels."""
        if not isinstance(result, torch.Tensor):
            return
        if plain in PROPORTIONAL and self.follows(arguments[0]) and arguments[0] in self._gates:
            self._gates[result] = True
        pixels = self._pixels.get(arguments[0]) if self.follows(arguments[0]) else None
        if plain == "pad" and pixels is not None:
            # Padding has one possible value, and no relevance.
            low, high = (function(bound, *arguments[1:], **options) for bound in (pixels.low, pixels.high))
            self._pixels[result] = _Pixels(low, high, functional.pad(pixels.unit, arguments[1]))
        if plain == "clone" and pixels is not None:
            self._pixels[result] = pixels

    def _refusal(self, what: str) -> LayerError:
        place = f" (in {self._running[-1]!r})" if self._running and self._running[-1] else ""
        return LayerError(
            f"Layer-wise relevance propagation has no rule for {what}{place}, which {self._title} uses. "
            "Choose Integrated Gradients or a class activation method."
        )


def _full_name(function: Function) -> str:
    module = getattr(function, "__module__", None)
    return f"{module}.{function_name(function)}" if module else function_name(function)
