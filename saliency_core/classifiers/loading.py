"""From a name to a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saliency_core.classifiers import onnx_files
from saliency_core.classifiers.architectures import (
    Architecture,
    build,
    classes_in_weights,
    find_architecture,
    usual_class_names,
    usual_preprocessing,
)
from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS, BuiltinClassifier
from saliency_core.classifiers.classifier import Classifier, usable_device
from saliency_core.classifiers.fetching import Progress, check_digest, locate_or_fetch
from saliency_core.classifiers.labels import IMAGENET_CLASSES, imagenet_ids, imagenet_names
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.weights import (
    check_fits,
    read_state_dict,
    renamed_by_order,
    sha256_of,
    weights_sha256,
)
from saliency_core.errors import WeightsError
from saliency_core.lazy import torch


@dataclass(frozen=True)
class NamedClassifier:
    """What a name stands for: an architecture, and the built-in classifier if it is one."""

    architecture: Architecture
    builtin: BuiltinClassifier | None = None


def find_classifier(name: str) -> NamedClassifier:
    """Resolve a built-in key or an architecture's name (see find_architecture). Raises ArchitectureError."""
    for builtin in BUILTIN_CLASSIFIERS:
        if builtin.key == name:
            return NamedClassifier(Architecture(builtin.library, builtin.architecture), builtin)
    return NamedClassifier(find_architecture(name))


def load_classifier(
    name: str,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    preprocessing: Preprocessing | None = None,
    allow_fetch: bool = True,
    weights_folders: Sequence[str | Path] = (),
    on_progress: Progress | None = None,
    class_names: Sequence[str] = (),
    activation: str = "softmax",
) -> Classifier:
    """Load a classifier with its weights, frozen, in evaluation mode.

    ``name`` is a built-in key, "torchvision:NAME", "timm:NAME", "saliscope:NAME" or a bare architecture
    name (torchvision before timm); "onnx" or "onnx:TITLE" for an ONNX file, which brings its own network. ``weights``
    is a safetensors file, a state dict, or that ONNX file (or its plain form, see onnx_plain); without it
    a built-in classifier's own weights are located or fetched. The number of classes is read from the weights; 1000
    classes are taken for ImageNet's unless ``class_names`` says otherwise. Raises ArchitectureError,
    WeightsError or ParameterError.
    """
    device = usable_device(device)
    library, _, title = name.partition(":")
    if library == onnx_files.LIBRARY:
        if weights is None:
            raise WeightsError("An ONNX model needs its file: weights='model.onnx'.")
        return _load_onnx(title, Path(weights), device, preprocessing, class_names, activation)
    found = find_classifier(name)
    builtin, architecture = found.builtin, found.architecture
    if weights is None:
        if builtin is None:
            raise WeightsError(
                f"{architecture} needs a weights file: only the built-in classifiers "
                f"({', '.join(item.key for item in BUILTIN_CLASSIFIERS)}) bring their own."
            )
        weights = locate_or_fetch(builtin, weights_folders, allow_fetch, on_progress)
    path = Path(weights)
    state_dict = read_state_dict(path)
    if builtin is not None and path.name == builtin.weights_file:
        check_digest(path.name, sha256_of(path))
    state_dict = _under_own_names(found, state_dict)
    model, classes = _trained_model(found, state_dict)
    if preprocessing is None:
        preprocessing = builtin.preprocessing if builtin else usual_preprocessing(architecture)
    imagenet = not class_names and classes == IMAGENET_CLASSES
    return Classifier(
        model,
        name=builtin.key if builtin else str(architecture),
        title=builtin.title if builtin else architecture.name,
        library=architecture.library,
        architecture=architecture.name,
        preprocessing=preprocessing,
        class_names=imagenet_names() if imagenet else class_names or usual_class_names(architecture, classes),
        class_ids=imagenet_ids() if imagenet else (),
        activation=activation,
        default_layer=builtin.default_layer if builtin else None,
        weights_sha256=weights_sha256(state_dict, path),
        device=device,
    )


def made_ready(model: torch.nn.Module) -> torch.nn.Module:
    """The same network without gradients of its weights, and with convolutions laid out as Classifier.arranged lays out
    pictures: torch would do that anew in every pass, in a third of Grad-CAM's time on a ResNet-18. Values stay.
    """
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d) and "weight" in module._parameters:
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    return model


def _load_onnx(
    title: str,
    path: Path,
    device: torch.device,
    preprocessing: Preprocessing | None,
    class_names: Sequence[str],
    activation: str,
) -> Classifier:
    model = onnx_files.load_onnx(path)
    made_ready(model)
    size = model.onnx_traits.size
    if preprocessing is None:
        preprocessing = Preprocessing() if size is None else Preprocessing(size=size)
    title = title or "the ONNX model"
    classifier = Classifier(
        model,
        name=onnx_files.LIBRARY,
        title=title,
        library=onnx_files.LIBRARY,
        architecture=title,
        preprocessing=preprocessing,
        class_names=class_names,
        activation=activation,
        weights_sha256=model.onnx_sha256,
        device=device,
    )
    if not class_names and len(classifier.class_names) == IMAGENET_CLASSES:
        classifier.class_names, classifier.class_ids = list(imagenet_names()), list(imagenet_ids())
    return classifier


def _under_own_names(found: NamedClassifier, state_dict: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors under the network's names, where the built-in classifier's file has others."""
    if found.builtin is None or not found.builtin.renamed_by_order:
        return state_dict
    blank = build(found.architecture, device="meta")
    return (
        renamed_by_order(blank, state_dict)
        if state_dict.keys().isdisjoint(blank.state_dict())
        else state_dict
    )


def _trained_model(
    found: NamedClassifier, state_dict: dict[str, torch.Tensor]
) -> tuple[torch.nn.Module, int]:
    """The network with the weights in it, and its number of classes."""
    classes = classes_in_weights(found.architecture, state_dict)
    model = build(found.architecture, classes)
    check_fits(model, state_dict, str(found.architecture))
    with torch.inference_mode(False):
        model.load_state_dict(
            state_dict, strict=False
        )  # all that may be missing are the counters of BatchNorm
        model = made_ready(model)
    return model, classes or int(getattr(model, "num_classes", IMAGENET_CLASSES))
