"""The layers of a network that have weights, in the order in which a forward pass uses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saliency_core.classifiers.state import evaluation_mode
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


@dataclass(frozen=True)
class WeightedLayer:
    """A layer with weights of its own: ``name`` as in the model, ``kind`` the module's class, ``parameters``
    their full names. A parameter that a network holds beside its layers (a class token, a position embedding)
    is a layer by itself, of the kind "Parameter" and named by its full name.
    """

    name: str
    kind: str
    parameters: tuple[str, ...]


def weighted_layers(classifier: Classifier) -> tuple[WeightedLayer, ...]:
    """All layers with weights that take part in a forward pass, from the output inwards.

    The order is that of execution, found with one blank image, whatever the order in which the modules are
    registered. A layer that is used several times is listed once, at its last use; one that is not used (an
    auxiliary head) is not listed.
    """
    model, size = classifier.model, classifier.preprocessing.size
    with (
        torch.inference_mode(False),
        torch.no_grad(),
        evaluation_mode(model),
        recorded_uses() as uses,
    ):
        model(torch.zeros(1, 3, size, size, device=classifier.device))
    return ordered_layers(model, uses)


def output_layers(classifier: Classifier, layers: tuple[WeightedLayer, ...]) -> tuple[WeightedLayer, ...]:
    """The head: those of ``layers`` that give the scores (two in a distilled transformer), one score a class."""
    classes = len(classifier.class_names)
    parameters = dict(classifier.model.named_parameters())
    head: list[WeightedLayer] = []
    for layer in layers:
        rows = {parameters[name].shape[0] for name in layer.parameters if parameters[name].ndim > 0}
        if rows != {classes}:
            break
        head.append(layer)
    return tuple(head) or layers[:1]


@contextmanager
def recorded_uses() -> Iterator[dict[int, int]]:
    """Inside, the last use of every parameter is noted: id → ascending number.

    Calls are watched, not modules: an attention that reads the weights of its projection without calling it,
    or a model that adds a token, uses them all the same. Works on the meta device and without gradients.
    """
    uses: dict[int, int] = {}

    class Recorder(torch.overrides.TorchFunctionMode):  # type: ignore[misc,unused-ignore]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = function(*args, **kwargs)
            # Reading a shape or a type is no use.
            if any(isinstance(value, torch.Tensor) for value in _leaves(result)):
                for value in _leaves((*args, *kwargs.values())):
                    if isinstance(value, torch.nn.Parameter):
                        uses[id(value)] = next(counter)
            return result

    counter = iter(range(2**62))
    with Recorder():
        yield uses


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def ordered_layers(model: torch.nn.Module, uses: dict[int, int]) -> tuple[WeightedLayer, ...]:
    """The layers with weights, the one used last first. ``uses``: see recorded_uses."""
    found: list[tuple[int, WeightedLayer]] = []
    seen: set[int] = set()  # tied weights belong to the layer that is registered first
    for name, module in model.named_modules():
        own = {
            key: parameter
            for key, parameter in module.named_parameters(recurse=False)
            if id(parameter) in uses and id(parameter) not in seen
        }
        seen.update(id(parameter) for parameter in own.values())
        prefix = f"{name}." if name else ""
        if not own:
            continue
        if has_initialiser(module) or not any(True for _ in module.children()):
            last = max(uses[id(parameter)] for parameter in own.values())
            parameters = tuple(prefix + key for key in own)
            found.append((last, WeightedLayer(name, type(module).__name__, parameters)))
            continue
        for key, parameter in own.items():
            full = prefix + key
            found.append((uses[id(parameter)], WeightedLayer(full, "Parameter", (full,))))
    return tuple(layer for _, layer in sorted(found, key=lambda item: -item[0]))


def has_initialiser(module: torch.nn.Module) -> bool:
    """Whether the module can draw its own weights anew."""
    return initialiser_of(module) is not None


def initialiser_of(module: torch.nn.Module) -> Any:
    """The method that draws the module's own weights anew; MultiheadAttention hides its own."""
    for name in ("reset_parameters", "_reset_parameters"):
        method = getattr(module, name, None)
        if callable(method):
            return method
    return None
