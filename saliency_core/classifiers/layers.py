"""The layers of a network that a map can be made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from saliency_core.classifiers.facts import Facts, gather_facts
from saliency_core.classifiers.state import evaluation_mode
from saliency_core.classifiers.weighted_layers import ordered_layers, recorded_uses
from saliency_core.errors import ArchitectureError
from saliency_core.lazy import torch

# Without effect in evaluation mode: listing them would only repeat their input.
_NO_OPERATION = ("Identity", "Dropout", "DropPath", "DropBlock", "StochasticDepth")


@dataclass(frozen=True)
class ExplainableLayer:
    """A layer with feature maps: ``kind`` is the module's class (or "attention"), sizes are for one input
    image.

    For attention ``channels`` is the number of heads and height × width the grid of patches.
    """

    name: str
    kind: str
    channels: int
    height: int
    width: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Inspection:
    """What one dry forward pass tells about a network; ``default_layer`` is None where no layer has feature
    maps.
    """

    family: str
    layers: tuple[ExplainableLayer, ...]
    default_layer: str | None
    classes: int
    facts: Facts


def inspect_model(model: torch.nn.Module, size: int) -> Inspection:
    """Run one blank image through the model (also on the meta device) and look at every module's output.

    Layers come in the order in which they finish. Raises ArchitectureError if the network is no image
    classifier.
    """
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    outputs: dict[str, torch.Tensor] = {}
    steps: dict[str, Any] = {}
    relu_runs: dict[str, int] = {}

    def recorder(name: str) -> Any:
        def record(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            outputs.pop(name, None)  # a module used twice counts where it was used last
            outputs[name] = output
            # Now, not later: what follows may change the tensor in place, and with it its place in the graph.
            steps[name] = getattr(output, "grad_fn", None)
            if isinstance(module, torch.nn.ReLU):
                relu_runs[name] = relu_runs.get(name, 0) + 1

        return record

    handles = [module.register_forward_hook(recorder(name)) for name, module in model.named_modules() if name]
    try:
        with recorded_uses() as uses:
            logits = _recorded_forward(model, size, device)
    except (RuntimeError, AssertionError, ValueError) as error:
        raise ArchitectureError(
            f"{type(model).__name__} does not take images of {size} × {size} pixels: {error}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        raise ArchitectureError(
            f"{type(model).__name__} is no classifier: it does not give one score per class."
        )
    classes = logits.shape[1]
    family = _family(model)
    if family == "vit":
        layers = _attention_layers(model, size)
        default, feature_layers = layers[-1].name if layers else None, 0
    else:
        layers = _feature_layers(model, outputs)
        default, feature_layers = _default_layer(layers, outputs, classes), len(layers)
    step = steps.get(default) if default and feature_layers else None
    weighted = len(ordered_layers(model, uses))
    facts = gather_facts(model, logits, feature_layers, step, relu_runs, size, weighted)
    return Inspection(family, tuple(layers), default, classes, facts)


def _family(model: torch.nn.Module) -> str:
    traits = getattr(model, "onnx_traits", None)
    if traits is not None:
        return str(traits.family)
    # Its descendants too, such as timm's distilled transformer.
    return "vit" if "VisionTransformer" in {kind.__name__ for kind in type(model).__mro__} else "cnn"


def _recorded_forward(model: torch.nn.Module, size: int, device: torch.device) -> torch.Tensor:
    """Logits of a blank image with their graph; without it where the network cannot be differentiated."""
    with torch.inference_mode(False), evaluation_mode(model):
        blank = torch.zeros(1, 3, size, size, device=device)
        if any(parameter.is_inference() for parameter in model.parameters()):
            with torch.no_grad():
                return model(blank)
        with torch.enable_grad():
            return model(blank.requires_grad_())


def _feature_layers(model: torch.nn.Module, outputs: dict[str, Any]) -> list[ExplainableLayer]:
    modules = dict(model.named_modules())
    # Swin's blocks keep channels last, so that only its convolutions have feature maps as [B, K, h, w].
    channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC" or type(model).__name__.startswith("Swin")
    layers = []
    for name, output in outputs.items():
        kind = type(modules[name]).__name__
        if not isinstance(output, torch.Tensor) or output.ndim != 4 or kind.startswith(_NO_OPERATION):
            continue
        if channels_last and kind != "Conv2d":
            continue
        _, channels, height, width = output.shape
        if height > 1 and width > 1:
            layers.append(ExplainableLayer(name, kind, channels, height, width))
    return layers


def _attention_layers(model: torch.nn.Module, size: int) -> list[ExplainableLayer]:
    layers = []
    grid = getattr(getattr(model, "patch_embed", None), "grid_size", None)
    for name, module in model.named_modules():
        heads = getattr(module, "num_heads", None)
        if not isinstance(heads, int) or "attention" not in type(module).__name__.lower():
            continue
        height, width = grid or (size // getattr(model, "patch_size", 16),) * 2
        layers.append(ExplainableLayer(name, "attention", heads, height, width))
    return layers


def _default_layer(
    layers: Sequence[ExplainableLayer], outputs: dict[str, torch.Tensor], classes: int
) -> str | None:
    """The last layer before pooling and before a convolution acting as the classifier, by its outermost name.

    This gives the layers that are usual in the literature: VGG16 features.29, VGG19 features.35, ResNet
    layer4.
    """
    pooled = {id(outputs[layer.name]) for layer in layers if "Pool" in layer.kind}
    candidates = [
        layer for layer in layers if layer.channels != classes and id(outputs[layer.name]) not in pooled
    ]
    if not candidates:
        return layers[-1].name if layers else None
    last = outputs[candidates[-1].name]
    names = [layer.name for layer in candidates if outputs[layer.name] is last]
    return min(reversed(names), key=lambda name: name.count("."))
