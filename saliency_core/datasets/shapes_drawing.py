"""From a scene of the Shapes data set to pixels and masks, exactly the same on every machine.

Like the forms, all of it rests on operations that IEEE 754 defines exactly, applied value by value: no sums over
arrays, whose order depends on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.base import Annotations, Box
from saliency_core.datasets.shapes_forms import FORMS
from saliency_core.datasets.shapes_scene import Background, Lots, Object, compose

Plane = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Drawing:
    """An image uint8 [size, size, 3] and what is visible in it: (kind, mask [size, size]), main object first."""

    pixels: npt.NDArray[np.uint8]
    visible: tuple[tuple[str, Mask], ...]

    def annotations(self) -> Annotations:
        """Boxes are the tight bounds of what is visible of an object; the masks are not copied."""
        size = self.pixels.shape[0]
        foreground = np.zeros((size, size), dtype=bool)
        for _, mask in self.visible:
            foreground |= mask
        return Annotations(
            width=size,
            height=size,
            boxes=tuple(_bounds(kind, mask) for kind, mask in self.visible),
            masks=dict(self.visible),
            object_mask=foreground,
        )


@lru_cache(maxsize=8)  # an image and its annotations are usually asked for one after the other
def draw(seed: int, index: int, size: int) -> Drawing:
    """Image ``index`` of the data set with that seed, size × size pixels; its arrays cannot be written to."""
    scene = compose(seed, index)
    canvas = _paint_background(scene.background, scene.lots, size)
    visible: list[tuple[str, Mask]] = []
    for item in scene.objects:
        mask = _paint(canvas, item, size)
        for _, below in visible:
            below &= ~mask
        visible.append((item.kind, mask))
    _add_grain(canvas, scene.background.grain, scene.lots)
    pixels = np.floor(np.clip(canvas, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    kept = [(kind, mask) for kind, mask in reversed(visible) if mask.any()]
    for array in (pixels, *(mask for _, mask in kept)):
        array.setflags(write=False)
    return Drawing(pixels, tuple(kept))


def _bounds(kind: str, mask: Mask) -> Box:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Box(kind, float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _paint_background(background: Background, lots: Lots, size: int) -> Plane:
    """Colours float32 [size, size, 3], around [0, 1]."""
    mix = _TEXTURES[background.texture](background, lots, size)
    canvas = np.empty((size, size, 3), dtype=np.float32)
    mottle = (_soft_noise(lots, 0.15, size) - np.float32(0.5)) * np.float32(background.mottle)
    for channel, (first, second) in enumerate(zip(*background.colours, strict=True)):
        canvas[..., channel] = mix * np.float32(second - first) + (mottle + np.float32(first))
    return canvas


def _noise(background: Background, lots: Lots, size: int) -> Plane:
    coarse, fine = _soft_noise(lots, background.cell, size), _soft_noise(lots, background.cell / 3, size)
    return coarse * np.float32(0.65) + fine * np.float32(0.35)


def _stripes(background: Background, lots: Lots, size: int) -> Plane:
    return _wave(_along(background.turn, size), background.cell, lots.uniform(), size)


def _checks(background: Background, lots: Lots, size: int) -> Plane:
    across, down = background.turn
    one = _wave(_along((across, down), size), background.cell, lots.uniform(), size)
    other = _wave(_along((-down, across), size), background.cell, lots.uniform(), size)
    return one + other - np.float32(2) * one * other


def _gradient(background: Background, lots: Lots, size: int) -> Plane:
    start, width = lots.uniform(-0.3, 0.3), lots.uniform(0.5, 1.2)
    along = _along(background.turn, size)
    return np.clip((along - np.float32(start)) / np.float32(width) + np.float32(0.5), 0, 1)


_TEXTURES: dict[str, Callable[[Background, Lots, int], Plane]] = {
    "noise": _noise,
    "stripes": _stripes,
    "checks": _checks,
    "gradient": _gradient,
}


def _along(direction: tuple[float, float], size: int) -> Plane:
    """Distance [size, size] of each pixel's centre along a direction from the image's centre, in sides."""
    line = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size) - np.float32(0.5)
    return line[None, :] * np.float32(direction[0]) + line[:, None] * np.float32(direction[1])


def _wave(along: Plane, width: float, phase: float, size: int) -> Plane:
    """Stripes of that width, 0 and 1 in turn, their edges smoothed over about one pixel."""
    place = along / np.float32(2 * width) + np.float32(phase)
    place -= np.floor(place)
    triangle = np.float32(1) - np.abs(place * np.float32(4) - np.float32(2))  # −1 … 1, zero at the edges
    return np.clip(triangle * np.float32(width * size / 2) + np.float32(0.5), 0, 1)


def _soft_noise(lots: Lots, distance: float, size: int) -> Plane:
    """Random values at knots that far apart (in sides), joined by straight lines: [size, size] in [0, 1]."""
    knots = lots.uniforms(int(1 / distance) + 3, int(1 / distance) + 3)
    place = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / np.float32(size * distance)
    whole = np.floor(place)
    part, left = place - whole, whole.astype(np.intp)
    rows = knots[left] + (knots[left + 1] - knots[left]) * part[:, None]
    return rows[:, left] + (rows[:, left + 1] - rows[:, left]) * part[None, :]


def _paint(canvas: Plane, item: Object, size: int) -> Mask:
    """Paint an object over the canvas; returns the pixels whose centres it covers, bool [size, size]."""
    form, scale = FORMS[item.kind], item.scale * size
    middle, reach = (item.centre[0] * size, item.centre[1] * size), item.reach * size + 2
    left, right = (min(size, max(0, int(middle[0] + end))) for end in (-reach, reach + 1))
    top, bottom = (min(size, max(0, int(middle[1] + end))) for end in (-reach, reach + 1))
    across = (np.arange(left, right) + (0.5 - middle[0]))[None, :] / scale
    down = (np.arange(top, bottom) + (0.5 - middle[1]))[:, None] / scale
    cosine, sine = item.turn
    distance = form.distance(cosine * across + sine * down, cosine * down - sine * across)
    coverage = np.clip(0.5 - distance * scale, 0, 1).astype(np.float32)[..., None]
    light = (across * item.light[0] + down * item.light[1]).astype(np.float32) * np.float32(item.shade)
    colours = light[..., None] + np.array(item.colour, np.float32)
    part = canvas[top:bottom, left:right]
    part += (np.clip(colours, 0, 1) - part) * coverage
    mask = np.zeros((size, size), dtype=bool)
    mask[top:bottom, left:right] = distance <= 0
    return mask


def _add_grain(canvas: Plane, amplitude: float, lots: Lots) -> None:
    canvas += (lots.bytes(*canvas.shape).astype(np.float32) - np.float32(127.5)) * np.float32(
        amplitude / 127.5
    )
