"""Slow, literal parts of the methods that weight feature maps: double precision, one image, one place at a time."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from tests.core import literal
from tests.core.methods.literal_masking import Network, stretch

TARGETS = torch.tensor([0, 1, 2, 3, 4, 0])
A = [[1.0, 2.0], [3.0, 4.0]]  # the features and
G = [[0.1, -0.1], [0.3, 0.4]]  # the gradient of the published worked example


class Doubled(Network):
    """A tiny network (features, mean, head) in double precision, cut in two after a layer."""

    def features_and_gradients(self, image: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
        """A and ∂S_target/∂A, [K, h, w] each, of one image [3, H, W]."""
        return self.features(image), self.gradients(image, target)


def interpolation(size: int, target: int) -> np.ndarray:
    """The matrix [target, size] that enlarges a line: linear, half-pixel centres, clamped at the border."""
    matrix = np.zeros((target, size))
    for row in range(target):
        position = min(max((row + 0.5) * size / target - 0.5, 0), size - 1)
        left = int(position)
        matrix[row, left] += 1 - (position - left)
        matrix[row, min(left + 1, size - 1)] += position - left
    return matrix


def enlarged(channels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Every channel [h, w] of [K, h, w] at another size."""
    rows, columns = interpolation(channels.shape[1], height), interpolation(channels.shape[2], width)
    return np.stack([rows @ channel @ columns.T for channel in channels])


def combined(weights: list[float], features: np.ndarray, height: int, width: int) -> np.ndarray:
    """ReLU(Σₖ wₖ Aᵏ), enlarged."""
    cam = np.zeros(features.shape[1:])
    for weight, channel in zip(weights, features, strict=True):
        cam += weight * channel
    return enlarged(np.maximum(cam, 0)[None], height, width)[0]


def resize(image: np.ndarray, height: int, width: int, method: str) -> np.ndarray:
    """An image [3, H, W] at another size, in double precision."""
    if image.shape[1:] == (height, width):
        return image
    if method == "bilinear":
        return enlarged(image, height, width)
    tensor = torch.from_numpy(image[None])
    return functional.interpolate(tensor, size=(height, width), mode="bicubic", align_corners=False)[
        0
    ].numpy()


def msg_cam(
    network: Doubled,
    image: np.ndarray,
    target: int,
    *,
    sizes: list[int],
    theta: float,
    groups: int,
    combine: str,
    rectify: bool = False,
    logits: bool = False,
) -> np.ndarray:
    """Algorithm 1 line by line: every channel of every size is enlarged, every masked image scored by itself."""
    height, width = image.shape[1:]
    blurred = literal.blur(image, 7, 3.0)

    def score(picture: np.ndarray) -> float:
        every = network.logits(picture) if logits else network.probabilities(picture)
        return float(every[target])

    features, gradients, accepted = 0.0, 0.0, 0
    predicted = int(np.argmax(network.logits(image)))
    for size in sizes:
        shown = resize(image, size, size, "bilinear")
        if target == predicted and int(np.argmax(network.logits(shown))) != target:
            continue
        accepted += 1
        a, g = network.features_and_gradients(shown, target)
        features = features + enlarged(a, height, width)
        gradients = gradients + enlarged(g, height, width)
    features, gradients = features / accepted, gradients / accepted
    weighted = [channel * gradient.mean() for channel, gradient in zip(features, gradients, strict=True)]
    size = -(-len(weighted) // groups)
    result = np.zeros((height, width))
    for first in range(0, len(weighted), size):
        group = np.maximum(sum(weighted[first : first + size]), 0)
        cleaned = (
            np.where(group > np.percentile(group, theta) + 1e-12 * group.max(), group, 0) if theta else group
        )
        if cleaned.max() == cleaned.min():
            continue
        mask = stretch(cleaned)
        alpha = score(image * mask + blurred * (1 - mask)) - score(blurred)
        alpha = max(alpha, 0) if rectify else alpha
        result += alpha * {"raw": group, "denoised": cleaned, "normalised": mask}[combine]
    return np.maximum(result, 0)


class Given(torch.nn.Module):
    """A layer that gives the features A [K, h, w] for any image, and scores with the gradients g [C, K, h, w]."""

    def __init__(self, features: torch.Tensor, gradients: torch.Tensor) -> None:
        super().__init__()
        self.layer = Constant(features)
        self.register_buffer("gradients", gradients)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bkhw,ckhw->bc", self.layer(images), self.gradients)


class Constant(torch.nn.Module):
    def __init__(self, values: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("values", values)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.values + 0 * images.mean((1, 2, 3))[:, None, None, None]


def given_classifier(features: torch.Tensor, gradients: torch.Tensor) -> Classifier:
    model = Given(features, gradients)
    return Classifier(model, name="given", preprocessing=Preprocessing(size=8), default_layer="layer")


def worked_example() -> Classifier:
    """One channel A; class 0 has the gradient g, class 1 has −g."""
    gradient = torch.tensor([[G]])
    return given_classifier(torch.tensor([A]), torch.cat([gradient, -gradient]))
