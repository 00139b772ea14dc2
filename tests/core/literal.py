"""Slow, literal re-implementations that the fast code is compared with: loops over pixels, one image at a time."""

from __future__ import annotations

import math

import numpy as np
import torch


def blur(image: np.ndarray, kernel: int, sigma: float) -> np.ndarray:
    """Gaussian blur of [3, H, W] in double precision, row by row and column by column, reflected borders."""
    half = kernel // 2
    weights = [math.exp(-((tap - half) ** 2) / (2 * sigma**2)) for tap in range(kernel)]
    weights = [weight / sum(weights) for weight in weights]

    def reflected(position: int, length: int) -> int:
        if position < 0:
            return -position
        return 2 * (length - 1) - position if position >= length else position

    def along_rows(plane: np.ndarray) -> np.ndarray:
        width = plane.shape[1]
        result = np.zeros_like(plane)
        for x in range(width):
            for tap in range(kernel):
                result[:, x] += weights[tap] * plane[:, reflected(x + tap - half, width)]
        return result

    return np.stack([along_rows(along_rows(plane).T).T for plane in image.astype(np.float64)])


def order_of(saliency: np.ndarray) -> list[int]:
    """Raster indices from most to least salient; equal values by ascending index."""
    flat = saliency.ravel().tolist()
    return sorted(range(len(flat)), key=lambda index: (-flat[index], index))


def probability(model: torch.nn.Module, image: np.ndarray, target: int) -> float:
    with torch.no_grad():
        logits = model(torch.from_numpy(image[None].astype(np.float32)))[0].double()
    return float(torch.softmax(logits, 0)[target])


def insertion_and_deletion(
    model: torch.nn.Module,
    image: np.ndarray,
    saliency: np.ndarray,
    target: int,
    canvas: np.ndarray,
    step_pixels: int,
) -> tuple[list[float], list[float]]:
    """Both score curves, changing pixel after pixel of a copy and running the model once per step."""
    order, width = order_of(saliency), image.shape[2]

    def walk(start: np.ndarray, end: np.ndarray) -> list[float]:
        current = start.copy()
        scores = [probability(model, current, target)]
        for first in range(0, len(order), step_pixels):
            for index in order[first : first + step_pixels]:
                current[:, index // width, index % width] = end[:, index // width, index % width]
            scores.append(probability(model, current, target))
        return scores

    return walk(canvas, image), walk(image, canvas)
