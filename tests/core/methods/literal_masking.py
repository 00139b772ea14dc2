"""Slow, literal parts of the methods that score masked copies: double precision, one image, one pixel at a time."""

from __future__ import annotations

import copy

import numpy as np
import torch

Map = np.ndarray


def enlarge(values: Map, height: int, width: int) -> Map:
    """Bilinear, half-pixel centres, positions clamped at the border."""
    rows, columns = values.shape
    result = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            above = values[top, left] * (1 - (u - left)) + values[top, right] * (u - left)
            below = values[bottom, left] * (1 - (u - left)) + values[bottom, right] * (u - left)
            result[y, x] = above * (1 - (v - top)) + below * (v - top)
    return result


def stretch(values: Map) -> Map:
    return (values - values.min()) / (values.max() - values.min())


def softmax(values: np.ndarray) -> np.ndarray:
    exponentials = np.exp(values - values.max())
    return exponentials / exponentials.sum()


class Network:
    """A copy of a tiny network in double precision, without in-place activations, cut in two at a layer."""

    def __init__(self, model: torch.nn.Module, layers_below: int) -> None:
        self.model = copy.deepcopy(model).double().eval()
        for module in self.model.modules():
            if isinstance(module, torch.nn.ReLU):
                module.inplace = False
        self.layers_below = layers_below

    def features(self, image: np.ndarray) -> np.ndarray:
        """Output [K, h, w] of the layer number ``layers_below`` − 1."""
        with torch.no_grad():
            below = self.model.features[: self.layers_below]
            return below(torch.from_numpy(image[None]))[0].numpy()

    def above(self, features: torch.Tensor) -> torch.Tensor:
        """Logits of features [K, h, w]; differentiable."""
        rest = self.model.features[self.layers_below :]
        return self.model.head(rest(features[None]).mean((2, 3)))[0]

    def logits_of(self, features: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return self.above(torch.from_numpy(features)).numpy()

    def logits(self, image: np.ndarray) -> np.ndarray:
        return self.logits_of(self.features(image))

    def probabilities(self, image: np.ndarray) -> np.ndarray:
        return softmax(self.logits(image))

    def gradients(self, image: np.ndarray, target: int) -> np.ndarray:
        features = torch.from_numpy(self.features(image)).requires_grad_(True)
        self.above(features)[target].backward()
        return features.grad.numpy()
