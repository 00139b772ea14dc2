"""Class names, and what a data set's labels mean to a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saliency_core.lazy import timm, torchvision

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

IMAGENET_CLASSES = 1000


def imagenet_names() -> list[str]:
    """The 1000 class names in class order, as torchvision writes them ("tench", …)."""
    return list(torchvision.models.get_model_weights("resnet18").DEFAULT.meta["categories"])


def imagenet_ids() -> list[str]:
    """The 1000 synset names in class order ("n01440764", …)."""
    return list(timm.data.ImageNetInfo().label_names())


def class_index_of(label: str, classifier: Classifier) -> int | None:
    """The class a label means: a synset name, a class name, or a class number; None if unknown or ambiguous.

    Two of ImageNet's names ("crane", "maillot") stand for two classes each and are therefore no answer.
    """
    if label in classifier.class_ids:
        return classifier.class_ids.index(label)
    matches = [index for index, name in enumerate(classifier.class_names) if name == label]
    if matches:
        return matches[0] if len(matches) == 1 else None
    if label.isascii() and label.isdigit() and int(label) < len(classifier.class_names):
        return int(label)
    return None
