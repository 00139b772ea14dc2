"""The ten forms of the Shapes data set, each as a distance to its outline.

Only operations that IEEE 754 defines exactly (+ − × ÷ √, comparisons) are used, so that every machine gets the
same distances to the last bit; sines and cosines would depend on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Coordinates = npt.NDArray[np.float64]

_SQRT_HALF = 0.7071067811865476
_SIN_60 = 0.8660254037844386
# Directions of the five lines through which a pentagram is drawn (cos and sin of 90° + k · 72°), and their
# distance from the centre of one whose points lie on the unit circle (cos 72°).
_PENTAGON = (
    (0.0, 1.0),
    (-0.9510565162951535, 0.3090169943749474),
    (-0.5877852522924731, -0.8090169943749475),
    (0.5877852522924731, -0.8090169943749475),
    (0.9510565162951535, 0.3090169943749474),
)
_PENTAGRAM_LINE = 0.3090169943749474


@dataclass(frozen=True)
class Form:
    """A form in its own coordinates (y points down).

    ``distance(x, y)``: below zero inside; near the outline the distance to it. ``area``: what it covers.
    ``reach``: the radius of a circle around the origin that holds it.
    """

    distance: Callable[[Coordinates, Coordinates], Coordinates]
    area: float
    reach: float


def _length(x: Coordinates, y: Coordinates) -> Coordinates:
    return np.sqrt(x * x + y * y)


def _circle(x: Coordinates, y: Coordinates) -> Coordinates:
    return _length(x, y) - 1.0


def _square(x: Coordinates, y: Coordinates) -> Coordinates:
    return np.maximum(np.abs(x), np.abs(y)) - 1.0


def _triangle(x: Coordinates, y: Coordinates) -> Coordinates:
    """Equilateral, its corners on the unit circle."""
    return np.maximum(y, _SIN_60 * np.abs(x) - 0.5 * y) - 0.5


def _star(x: Coordinates, y: Coordinates) -> Coordinates:
    """A pentagram: inside are the points beyond at most one of the five lines."""
    farthest = second = np.full_like(x, -np.inf)
    for across, down in _PENTAGON:
        beyond = across * x + down * y - _PENTAGRAM_LINE
        second = np.maximum(second, np.minimum(farthest, beyond))
        farthest = np.maximum(farthest, beyond)
    return second


def _cross(x: Coordinates, y: Coordinates) -> Coordinates:
    across, down = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(across - 1.0, down - 0.34), np.maximum(across - 0.34, down - 1.0))


def _ring(x: Coordinates, y: Coordinates) -> Coordinates:
    """Between the radii 0.6 and 1; the hole is not part of it."""
    return np.abs(_length(x, y) - 0.8) - 0.2


def _heart(x: Coordinates, y: Coordinates) -> Coordinates:
    """A square on its corner with a half circle on each of its upper edges."""
    across, down = np.abs(x), y - 0.25
    square = (across + np.abs(down) - 1.0) * _SQRT_HALF
    return np.minimum(square, _length(across - 0.5, down + 0.5) - _SQRT_HALF)


def _crescent(x: Coordinates, y: Coordinates) -> Coordinates:
    """The unit circle without another one."""
    return np.maximum(_length(x, y) - 1.0, 0.85 - _length(x - 0.55, y))


def _diamond(x: Coordinates, y: Coordinates) -> Coordinates:
    """A rhombus nearly twice as long as wide; (1 + 0.55⁻²)^½ = 2.075 turns its equation into a distance."""
    return (np.abs(x) + np.abs(y) / 0.55 - 1.0) / 2.075


def _arrow(x: Coordinates, y: Coordinates) -> Coordinates:
    across = np.abs(y)
    head = np.maximum(0.15 - x, (0.75 * (x - 1.0) + 0.85 * across) / 1.1336)
    shaft = np.maximum(across - 0.28, np.abs(x + 0.35) - 0.65)
    return np.minimum(head, shaft)


FORMS: dict[str, Form] = {
    "circle": Form(_circle, 3.1416, 1.0),
    "square": Form(_square, 4.0, 1.4143),
    "triangle": Form(_triangle, 1.2990, 1.0),
    "star": Form(_star, 1.1226, 1.0),
    "cross": Form(_cross, 2.2576, 1.0563),
    "ring": Form(_ring, 2.0106, 1.0),
    "heart": Form(_heart, 3.5708, 1.2662),
    "crescent": Form(_crescent, 1.4779, 1.0),
    "diamond": Form(_diamond, 1.1, 1.0),
    "arrow": Form(_arrow, 1.2815, 1.0385),
}
KINDS: tuple[str, ...] = tuple(FORMS)
