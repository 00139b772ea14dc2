"""A network together with everything needed to explain it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from saliency_core.classifiers.layers import ExplainableLayer, inspect_model
from saliency_core.classifiers.onnx_files import takes_other_sizes
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.state import evaluation_mode
from saliency_core.errors import LayerError, ParameterError, suggestion
from saliency_core.lazy import torch
from saliency_core.scoring.precision import numeric_precision

ACTIVATIONS: tuple[str, ...] = ("softmax", "sigmoid")


class Classifier:
    """An image classifier: network, preprocessing, class names, output activation, explainable layers.

    load_classifier makes one from an architecture's name; any torch module giving logits [B, C] for images
    [B, 3, H, W] can be wrapped directly. ``class_ids`` are ImageNet's synset names, or empty.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        *,
        name: str,
        title: str = "",
        library: str = "",
        architecture: str = "",
        preprocessing: Preprocessing | None = None,
        class_names: Sequence[str] = (),
        class_ids: Sequence[str] = (),
        activation: str = "softmax",
        default_layer: str | None = None,
        weights_sha256: str = "",
        device: str | torch.device = "cpu",
    ) -> None:
        """``class_names`` empty: "class 0", "class 1", … Raises ParameterError, or ArchitectureError from
        the dry run.
        """
        if activation not in ACTIVATIONS:
            raise ParameterError(
                f"The activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}."
            )
        self.device = usable_device(device)
        self.model = model.to(self.device)
        self.name, self.title = name, title or name
        self.library, self.architecture = library, architecture or name
        self.preprocessing = preprocessing or Preprocessing()
        self.activation, self.weights_sha256 = activation, weights_sha256
        self.batch_sizes: dict[str, int] = {}  # by precision; see scoring.batch_size
        self.scored_in_bulk = False  # see scoring.runtime_network
        self.map_batch_sizes: dict[str, int] = {}  # by method, where memory ran out
        inspection = inspect_model(model, self.preprocessing.size)
        self.family, self.facts = inspection.family, inspection.facts
        self.layers: tuple[ExplainableLayer, ...] = inspection.layers
        self.default_layer = default_layer or inspection.default_layer
        self.class_names = list(class_names) or [f"class {number}" for number in range(inspection.classes)]
        self.class_ids = list(class_ids)
        if len(self.class_names) != inspection.classes:
            raise ParameterError(
                f"{self.title} has {inspection.classes} classes, but {len(self.class_names)} names: give one name for "
                "each class, in the order of the outputs, or none."
            )

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Scores [B, C] before the activation, for normalised images [B, 3, H, W] on the same device."""
        return self.model(self.arranged(images))

    def arranged(self, images: torch.Tensor) -> torch.Tensor:
        """The same images [B, 3, H, W] in the memory format in which a float32 pass is fastest: on a CPU channels last,
        1.2 to 1.8 times as fast as planar, backwards too.
        """
        on_cpu = images.device.type == "cpu"
        return images.contiguous(memory_format=torch.channels_last) if on_cpu else images

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Softmax over the classes, or a sigmoid for each class."""
        return logits.softmax(-1) if self.activation == "softmax" else logits.sigmoid()

    def predict(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The most probable class int64 [B] and its probability float32 [B]."""
        classes, probabilities = self.top_classes(images, 1)
        return classes[:, 0], probabilities[:, 0]

    def top_classes(self, images: torch.Tensor, count: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
        """The most probable classes int64 [B, count], best first, and their probabilities float32 [B,
        count].
        """
        with torch.inference_mode(), evaluation_mode(self.model), numeric_precision("fp32", self.device):
            logits = self.logits(images.to(self.device, torch.float32))
            best = self.probabilities(logits).topk(min(count, logits.shape[1]), dim=1)
        return best.indices, best.values

    def module(self, layer: str) -> torch.nn.Module:
        """The module of that name. Raises LayerError with close matches."""
        modules = dict(self.model.named_modules())
        if not layer or layer not in modules:
            closest = suggestion(layer, [name for name in modules if name])
            raise LayerError(f"{self.title} has no layer {layer!r}.{closest}")
        return modules[layer]

    def traits(self) -> dict[str, Any]:
        """The part of ``describe`` that decides which methods apply (see methods.applicability)."""
        return {
            "title": self.title,
            "family": self.family,
            "activation": self.activation,
            "facts": self.facts.to_dict(),
        }

    def describe(self) -> dict[str, Any]:
        """Everything but the network itself, JSON-able; also which methods refuse it (see methods.applicability),
        for which every method is made once.
        """
        from saliency_core.methods.applicability import refusals

        return {
            "name": self.name,
            "title": self.title,
            "library": self.library,
            "architecture": self.architecture,
            "family": self.family,
            "activation": self.activation,
            "preprocessing": self.preprocessing.to_dict(),
            "class_names": self.class_names,
            "class_ids": self.class_ids,
            "weights_sha256": self.weights_sha256,
            "layers": [layer.to_dict() for layer in self.layers],
            "default_layer": self.default_layer,
            "facts": self.facts.to_dict(),
            "parameters": number_of_parameters(self.model),
            "fixed_size": fixed_size(self.model, self.family, self.preprocessing.size),
            "refusals": refusals(self),
        }


def number_of_parameters(model: torch.nn.Module) -> int:
    """How many numbers were learnt; buffers, such as BatchNorm's statistics, are not counted, but for ONNX, which does
    not tell them apart.
    """
    traits = getattr(model, "onnx_traits", None)
    if traits is not None:
        return int(traits.parameters)
    return sum(parameter.numel() for parameter in model.parameters())


def fixed_size(model: torch.nn.Module, family: str, size: int) -> bool:
    """Whether the network takes images of ``size`` pixels only; for ONNX it is tried."""
    if getattr(model, "onnx_traits", None) is None:
        return family == "vit"
    return not takes_other_sizes(model, size)


def usable_device(device: str | torch.device) -> torch.device:
    """The torch device. Raises ParameterError if it is unknown or not there."""
    try:
        chosen = torch.device(device)
    except RuntimeError:
        raise ParameterError(f"Unknown device {device!r}; use cpu, cuda or cuda:0.") from None
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ParameterError(f"This machine has no device {device!s} that torch can use; use cpu.")
    return chosen
