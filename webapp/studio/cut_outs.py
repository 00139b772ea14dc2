"""Cut-outs of a map, as the studio's page makes them: the pixels with the highest values kept, the rest left out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from webapp.studio.models import Explanation

Mask = npt.NDArray[np.bool_]
BLACK, TRANSPARENT = "black", "transparent"
RESTS = (BLACK, TRANSPARENT)


@dataclass(frozen=True)
class Agreement:
    """How the kept pixels agree with the object's: shares of 1."""

    iou: float
    precision: float
    recall: float


def kept_pixels(values: npt.NDArray[np.float32], share: float) -> Mask:
    """Where a map [H, W] has its highest `share` % of pixels; of equal ones those that come first, row by row."""
    kept = np.zeros(values.size, dtype=bool)
    kept[np.argsort(-values.ravel(), kind="stable")[: math.floor(share / 100 * values.size + 0.5)]] = True
    return kept.reshape(values.shape)


def agreement(kept: Mask, mask: Mask) -> Agreement:
    """Of two masks [H, W]."""
    both, either = int((kept & mask).sum()), int((kept | mask).sum())
    pixels, of_object = int(kept.sum()), int(mask.sum())
    return Agreement(
        iou=both / either if either else 0.0,
        precision=both / pixels if pixels else 0.0,
        recall=both / of_object if of_object else 0.0,
    )


def cut_out(seen: Image.Image, kept: Mask, rest: str) -> Image.Image:
    """The image with the rest black (RGB) or transparent (RGBA)."""
    pixels = np.asarray(seen.convert("RGB")) * kept[..., None]
    if rest == BLACK:
        return Image.fromarray(pixels)
    return Image.fromarray(np.dstack([pixels, np.where(kept, 255, 0)]).astype(np.uint8))


def measured_probability(explanation: Explanation, share: float) -> float | None:
    """The probability of the class that the model gave the cut-out on black, where it was measured."""
    measured = explanation.curves.get("cut_outs", {})
    found = dict(zip(measured.get("shares", ()), measured.get("black", ()), strict=False))
    return found.get(share)
