"""What methods share that search for a mask by gradient descent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from saliency_core.lazy import kornia, torch

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

    Search = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, dict[str, torch.Tensor]]]

# Images whose masks are searched together. A CPU gains nothing from more than one (SqueezeNet: 62 ms for a
# pass and back with one image, 73 to 90 ms an image with more).
GROUP_SIZES = {"cpu": 1, "cuda": 16}
_USUAL_SIZE = 224


def in_groups(
    classifier: Classifier, images: torch.Tensor, targets: torch.Tensor, search: Search
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Maps [B, H, W] and extras of ``search(images, targets)``, called with groups of one fixed size.

    Hundreds of steps would turn the rounding differences between batches of different sizes into visible
    ones. Padded to the same size, a group is computed in the same way whatever else is explained.
    """
    size = GROUP_SIZES.get(classifier.device.type, 1)
    maps, extras = [], []
    for first in range(0, len(images), size):
        places = torch.arange(first, first + size, device=images.device).clamp(max=len(images) - 1)
        found, figures = search(images[places], targets[places])
        count = min(size, len(images) - first)
        maps.append(found[:count])
        extras.append({name: values[:count] for name, values in figures.items()})
    return torch.cat(maps), {name: torch.cat([part[name] for part in extras]) for name in extras[0]}


def scaled(pixels: float, height: int, width: int) -> float:
    """A length in pixels of a 224-pixel image as pixels of this image, by its shorter side."""
    return pixels * min(height, width) / _USUAL_SIZE


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Images [B, C, H, W] blurred with standard deviation ``sigma`` pixels (0: as they are), cut off at 3 σ;
    borders are reflected without repeating the edge pixel.
    """
    reach = min(math.ceil(3 * sigma), min(images.shape[-2:]) - 1)
    if sigma <= 0 or reach < 1:
        return images
    size = 2 * reach + 1
    return kornia.filters.gaussian_blur2d(images, (size, size), (sigma, sigma), border_type="reflect")


def selected_logits(classifier: Classifier, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Logits [N] of classes ``targets`` [N], differentiable by the images [N, 3, H, W]."""
    return classifier.logits(images).gather(1, targets[:, None])[:, 0]


def selected_probabilities(
    classifier: Classifier, images: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Probabilities [N] of classes ``targets`` [N], differentiable by the images [N, 3, H, W]."""
    return classifier.probabilities(classifier.logits(images)).gather(1, targets[:, None])[:, 0]
