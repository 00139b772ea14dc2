"""Feature maps and gradients of an image at several sizes: what CAMERAS and MSG-CAM share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from saliency_core.classifiers.state import evaluation_mode
from saliency_core.descriptions import Parameter
from saliency_core.errors import LayerError
from saliency_core.lazy import functional, torch
from saliency_core.methods._cam import features_and_gradients

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

INTERPOLATIONS = ("bilinear", "bicubic")
CLASS_FILTERS = ("auto", "keep_first", "strict", "off")


PICTURES_AT_ONCE = {"cpu": 32, "cuda": 256}


@dataclass(frozen=True)
class Scale:
    """One size's feature maps and gradients [B, K, h, w], and which images accept them, bool [B]."""

    features: torch.Tensor
    gradients: torch.Tensor
    accepted: torch.Tensor


def resolutions_parameter(default: Sequence[int], source: str) -> Parameter:
    return Parameter(
        name="resolutions",
        kind="integers",
        default=tuple(default),
        minimum=8,
        maximum=4096,
        title="Image sizes",
        help=(
            "Sizes at which the image is shown to the model. The first stands for the image as it is; the others "
            "are taken in proportion to it, for images of any size."
        ),
        unit="px",
        source=source,
    )


def class_filter_parameter(source: str) -> Parameter:
    return Parameter(
        name="class_filter",
        kind="choice",
        default="auto",
        choices=CLASS_FILTERS,
        title="Sizes left out",
        help=(
            "off: none. strict: those at which the model predicts another class. keep_first: likewise, but never "
            "the first. auto: likewise, if the class is the one predicted for the image itself; else none."
        ),
        source=source,
    )


def literal_resolutions(first: int, total: int, passes: int, extra_pass: bool = False) -> list[int]:
    """Sizes by the thesis' equation 3-2 as it is written: ζ_t = ζ₀ + ⌊ζ_max / N⌋ (t − 1), t = 1 … N.

    ``total`` is ζ_max, which the text calls the upper limit; in the equation it is rather the whole increase,
    and the largest size is ζ₀ + ⌊ζ_max / N⌋ (N − 1). ``passes`` is N. ``extra_pass``: the loop of algorithm 1
    read literally runs once more, t = 1 … N + 1.

    >>> literal_resolutions(224, 400, 4)
    [224, 324, 424, 524]
    """
    step = total // passes
    return [first + step * number for number in range(passes + int(extra_pass))]


def scaled_sizes(resolutions: Sequence[int], size: tuple[int, int]) -> list[tuple[int, int]]:
    """Heights and widths in proportion to the first resolution, which stands for ``size`` itself; to the
    nearest pixel, halves upwards.
    """
    first = resolutions[0]
    return [
        (
            max(1, (2 * size[0] * resolution + first) // (2 * first)),
            max(1, (2 * size[1] * resolution + first) // (2 * first)),
        )
        for resolution in resolutions
    ]


def pixel_equivalents(resolutions: Sequence[int]) -> float:
    """Pixels of all sizes together, in pictures of the first size: the cost of one pass at each."""
    return sum((resolution / resolutions[0]) ** 2 for resolution in resolutions)


def resized(images: torch.Tensor, size: tuple[int, int], interpolation: str) -> torch.Tensor:
    """Images [B, 3, H, W] at ``size``: half-pixel centres, no antialiasing."""
    if images.shape[-2:] == size:
        return images
    return functional.interpolate(images, size=size, mode=interpolation, align_corners=False)


def accepts(
    rule: str, first: bool, predicted: torch.Tensor, predicted_first: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Which images keep a size, bool [B]; ``predicted`` are the classes predicted there, ``predicted_first``
    at the first size, int64 [B] each; ``rule`` is one of CLASS_FILTERS.
    """
    same = predicted == targets
    if rule == "off" or (rule == "keep_first" and first):
        return torch.ones_like(same)
    # For the predicted class "auto" filters, and keeps the first size by that very condition.
    return same | (predicted_first != targets) if rule == "auto" else same


def scales(
    classifier: Classifier,
    layer: str,
    images: torch.Tensor,
    targets: torch.Tensor,
    resolutions: Sequence[int],
    interpolation: str,
    rule: str,
) -> Iterator[Scale]:
    """One Scale for each resolution, for images [B, 3, H, W] and classes [B].

    The images of one size run together, as many at a time as have the pixels of one of the scorer's batches:
    memory depends neither on the number of images nor on the sizes, unless a single one is larger than that.
    """
    size = (images.shape[2], images.shape[3])
    pixels = usual_batch(classifier) * size[0] * size[1]
    predicted_first = targets
    for number, (height, width) in enumerate(scaled_sizes(resolutions, size)):
        rows = max(1, pixels // (height * width))
        parts = [
            features_and_gradients(classifier, layer, resized(part, (height, width), interpolation), classes)
            for part, classes in zip(images.split(rows), targets.split(rows), strict=True)
        ]
        features, gradients, logits = (torch.cat(column) for column in zip(*parts, strict=True))
        predicted = logits.argmax(1)
        if number == 0:
            predicted_first = predicted
        accepted = accepts(rule, number == 0, predicted, predicted_first, targets)
        yield Scale(features, gradients, accepted)


def usual_batch(classifier: Classifier) -> int:
    """Pictures of the first size whose feature maps and gradients fit into memory together."""
    return PICTURES_AT_ONCE.get(classifier.device.type, PICTURES_AT_ONCE["cpu"])


def images_at_once(classifier: Classifier) -> int:
    """How many images' feature maps of all sizes are kept at a time."""
    return max(1, usual_batch(classifier) // 8)


def check_sizes(classifier: Classifier, resolutions: Sequence[int]) -> None:
    """Raises LayerError if the classifier takes images of its own size only.

    Looks at the size that differs least from its own, with one blank image.
    """
    own = classifier.preprocessing.size
    others = [side for side, _ in scaled_sizes(resolutions, (own, own)) if side != own]
    if not others:
        return
    side = min(others, key=lambda side: abs(side - own))
    try:
        with torch.no_grad(), evaluation_mode(classifier.model):
            classifier.logits(torch.zeros(1, 3, side, side, device=classifier.device))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, AssertionError, ValueError) as error:
        raise LayerError(
            f"{classifier.title} takes images of {own} × {own} pixels only, and not of {side} × {side}. Choose "
            "a model that averages its feature maps over space, or a method that needs one size."
        ) from error
