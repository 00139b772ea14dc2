"""Networks of torchvision, timm and our own by name, without weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.classifiers.preprocessing import HALF, INTERPOLATIONS, Preprocessing
from saliency_core.classifiers.shapes_networks import NETWORKS, SIZE
from saliency_core.datasets.shapes_forms import KINDS
from saliency_core.errors import ArchitectureError, suggestion
from saliency_core.lazy import timm, torch, torchvision

LIBRARIES: tuple[str, ...] = ("torchvision", "timm", "saliscope")


@dataclass(frozen=True)
class Architecture:
    """A network's name in one library; as text "torchvision:resnet50"."""

    library: str
    name: str

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"


def find_architecture(name: str) -> Architecture:
    """Resolve "torchvision:resnet50", "timm:deit_tiny_patch16_224" or a bare name.

    A bare name is looked for in torchvision, then in timm, then among our own ("saliscope:shapes_cnn"); where both
    libraries have it, the prefix "timm:" chooses the other. Raises ArchitectureError with close matches.
    """
    library, separator, bare = name.partition(":")
    if not separator:
        library, bare = "", name
    elif library not in LIBRARIES:
        raise ArchitectureError(
            f"Unknown library {library!r} in {name!r}; it is torchvision:, timm: or saliscope:."
        )
    if library in ("", "torchvision") and bare in _torchvision_names():
        return Architecture("torchvision", bare)
    if library in ("", "timm") and timm.is_model(bare):
        return Architecture("timm", bare)
    if library in ("", "saliscope") and bare in NETWORKS:
        return Architecture("saliscope", bare)
    known = [builtin.key for builtin in BUILTIN_CLASSIFIERS] if not library else []
    known += _torchvision_names() if library in ("", "torchvision") else []
    known += timm.list_models() if library in ("", "timm") else []
    known += NETWORKS if library in ("", "saliscope") else []
    where = library or "the built-in classifiers, torchvision or timm"
    raise ArchitectureError(
        f"There is no architecture {bare!r} in {where}.{suggestion(bare, dict.fromkeys(known))}"
    )


def _torchvision_names() -> list[str]:
    return list(torchvision.models.list_models(module=torchvision.models))


def build(architecture: Architecture, classes: int | None = None, device: str = "cpu") -> torch.nn.Module:
    """The untrained network in evaluation mode; on the device "meta" it takes no memory. Raises
    ArchitectureError.
    """
    options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if architecture.name in ("googlenet", "inception_v3") and architecture.library == "torchvision":
        options["init_weights"] = False  # their slow initialisation would be overwritten by the weights
    try:
        with torch.inference_mode(False), torch.device(device):
            if architecture.library == "torchvision":
                model = torchvision.models.get_model(architecture.name, weights=None, **options)
            elif architecture.library == "saliscope":
                model = NETWORKS[architecture.name](**options)
            else:
                model = timm.create_model(architecture.name, pretrained=False, **options)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ArchitectureError(f"{architecture} cannot be built: {error}") from error
    return model.eval()


def classes_in_weights(architecture: Architecture, state_dict: dict[str, torch.Tensor]) -> int | None:
    """How many classes the weights were trained for, read from the last layer's shape; None if that is not
    found.
    """
    blank = build(architecture, device="meta")
    usual = int(getattr(blank, "num_classes", 1000))
    heads = [
        name
        for name, tensor in blank.state_dict().items()
        if name.endswith(".weight") and tensor.ndim >= 2 and tensor.shape[0] == usual
    ]
    if not heads or heads[-1] not in state_dict or state_dict[heads[-1]].ndim < 2:
        return None
    return int(state_dict[heads[-1]].shape[0])


def usual_preprocessing(architecture: Architecture) -> Preprocessing:
    """What the library says its weights want; ImageNet mean and deviation, bilinear, for torchvision."""
    if architecture.library == "torchvision":
        return Preprocessing()
    if architecture.library == "saliscope":
        return Preprocessing(size=SIZE, mean=HALF, std=HALF)
    configuration = timm.models.get_pretrained_cfg(architecture.name)
    if configuration is None:
        return Preprocessing()
    interpolation = configuration.interpolation
    return Preprocessing(
        size=configuration.input_size[-1],
        mean=tuple(configuration.mean),
        std=tuple(configuration.std),
        interpolation=interpolation if interpolation in INTERPOLATIONS else "bicubic",
    )


def usual_class_names(architecture: Architecture, classes: int) -> list[str]:
    """The names that go with an architecture's classes: the kinds of objects of Shapes, for our own; else none."""
    return list(KINDS) if architecture.library == "saliscope" and classes == len(KINDS) else []
