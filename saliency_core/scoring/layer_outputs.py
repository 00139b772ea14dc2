"""What a layer gives, recorded or replaced, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saliency_core.errors import LayerError
from saliency_core.lazy import torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


@dataclass(frozen=True)
class LayerOutputs:
    """Feature maps ``features`` [B, K, h, w] of a layer and the ``logits`` [B, C] they led to.

    ``calls``: how often a forward pass runs the layer; the features are those of the last call.
    """

    features: torch.Tensor
    logits: torch.Tensor
    calls: int


def record_layer(
    classifier: Classifier, layer: str, images: torch.Tensor, batch_size: int = 32
) -> LayerOutputs:
    """Run normalised images [B, 3, H, W], at most ``batch_size`` at a time, and keep the layer's output.

    No graph is built; where a gradient is needed see classifiers.recording. Raises LayerError if the layer does
    not give feature maps.
    """
    recorded: list[torch.Tensor] = []

    def record(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, torch.Tensor) or output.ndim != 4:
            raise LayerError(
                f"The layer {layer!r} of {classifier.title} gives no feature maps; this method needs a "
                "convolutional layer."
            )
        # A copy: an in-place activation behind the layer would overwrite the values.
        recorded.append(output.detach().clone(memory_format=torch.contiguous_format))

    features, logits = [], []
    calls = 0
    handle = classifier.module(layer).register_forward_hook(record)
    try:
        with torch.no_grad():
            for part in images.split(batch_size):
                recorded.clear()
                logits.append(classifier.logits(part))
                if not recorded:
                    raise LayerError(
                        f"The layer {layer!r} of {classifier.title} takes no part in the forward pass."
                    )
                calls = len(recorded)
                features.append(recorded[-1])
    finally:
        handle.remove()
    return LayerOutputs(torch.cat(features), torch.cat(logits), calls)


@contextmanager
def replaced_output(
    classifier: Classifier,
    layer: str,
    replace: Callable[[torch.Tensor], torch.Tensor],
    calls: int = 1,
) -> Iterator[None]:
    """Inside, the layer's output in its last of ``calls`` calls a forward pass becomes ``replace(output)``.

    The replacement may have another batch size than the output.
    """
    seen = 0

    def hook(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        nonlocal seen
        seen += 1
        return replace(output) if seen % calls == 0 else None

    handle = classifier.module(layer).register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
