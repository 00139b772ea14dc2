"""Changing what a network's operations do, without touching the network.

A torch function mode sees every torch function that runs while it is active, whether it was called by a module
(once or several times), as a function of torch.nn.functional, as a method or in place. Hooks on modules miss
functions and methods, and cannot tell two uses of one module apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from saliency_core.lazy import torch

Function = Callable[..., Any]


class Interception(torch.overrides.TorchFunctionMode):
    """Hands every function called on tensors that depend on a followed tensor to ``call``.

    ``follow`` names the tensors to begin with; one that is made to require gradients during the forward pass is
    followed too (see forward_recording). Results of a call on a followed tensor are followed, those on
    parameters and constants are not. To be used around the forward pass only: the backward pass has to run
    after it, in which functions should do what they always do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._followed: Any = torch.utils.weak.WeakTensorKeyDictionary()

    def follow(self, tensor: torch.Tensor) -> torch.Tensor:
        self._followed[tensor] = True
        return tensor

    def follows(self, value: Any) -> bool:
        return isinstance(value, torch.Tensor) and value in self._followed

    def call(self, function: Function, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The function's result. Subclasses change what they want to change."""
        return function(*arguments, **options)

    def __torch_function__(
        self, func: Function, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        options = dict(kwargs or {})
        if function_name(func) == "requires_grad_":
            return self.follow(func(*args, **options))
        if not any(self.follows(tensor) for tensor in tensors_in((args, options))):
            return func(*args, **options)
        if not args and "input" in options:
            args = (options.pop("input"),)
        output = self.call(func, args, options)
        changed = args[:1] if function_name(func) == "__setitem__" else output
        for tensor in tensors_in(changed):
            self.follow(tensor)
        return output


def function_name(function: Function) -> str:
    """Name of a torch function; an in-place variant ends with an underscore ("relu_")."""
    return str(getattr(function, "__name__", function))


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Tensors in nested tuples, lists and dictionaries."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def elementwise(
    function: Function,
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    replacement: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Result of an activation function with another derivative.

    ``replacement(x, y)`` gets the input, connected to the graph, and the function's values y, and returns a
    tensor with the values y, so connected to x as it should be differentiated. An in-place function changes its
    input in place, as it always does.
    """
    values: torch.Tensor = arguments[0]
    copy = values.detach().clone()  # an in-place function overwrites the copy
    result = function(copy, *arguments[1:], **options)
    if result is not copy:
        return replacement(values, result)
    # What the graph keeps of the input must not be overwritten.
    return values.copy_(replacement(values.clone(), result))


class Surrogate(torch.autograd.Function):
    """Given values, differentiated as if they were those of another function of the inputs.

    ``Surrogate.apply(values, surrogate, *inputs)``: forward returns ``values``, backward differentiates
    ``surrogate(*inputs)``, which is computed only if a gradient arrives.
    """

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, surrogate: Function, *inputs: torch.Tensor) -> torch.Tensor:
        ctx.surrogate = surrogate
        ctx.save_for_backward(*inputs)
        # A copy, since what the network does with it in place must not reach values that the surrogate uses.
        return values.detach().clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override, unused-ignore]
        wanted = ctx.needs_input_grad[2:]
        with torch.enable_grad():
            inputs = [
                tensor.detach().requires_grad_(needed)
                for tensor, needed in zip(ctx.saved_tensors, wanted, strict=True)
            ]
            output = ctx.surrogate(*inputs)
        if not output.requires_grad:  # a constant
            return (
                None,
                None,
                *(torch.zeros_like(tensor) if tensor.requires_grad else None for tensor in inputs),
            )
        leaves = [tensor for tensor, needed in zip(inputs, wanted, strict=True) if needed]
        found = iter(torch.autograd.grad(output, leaves, gradient, materialize_grads=True))
        return (None, None, *(next(found) if needed else None for needed in wanted))
