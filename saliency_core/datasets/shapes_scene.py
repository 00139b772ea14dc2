"""What an image of the Shapes data set shows: drawn by lot from (seed, index), before any pixel is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.shapes_forms import FORMS, KINDS

TEXTURES: tuple[str, ...] = ("noise", "stripes", "checks", "gradient")
Colour = tuple[float, float, float]

_IMAGE_STREAM, _ORDER_STREAM = 0, 1
# Fractions of the image's area. The others are so much smaller that the main object is always the largest.
_MAIN_AREA = (0.045, 0.11)
_OTHER_AREA_OF_MAIN = (0.22, 0.6)
_SHARE_OF_COUNTS = (0.4, 0.35, 0.25)  # of images with one, two and three objects
_LEAST_CONTRAST = 0.22
_OVERLAP = (
    0.88  # of two circles around objects: how near their centres may come, as a part of the radii's sum
)
_TRIES = 40


class Lots:
    """Random numbers from PCG64's raw output, whose values NumPy guarantees for all versions and machines
    (a Generator's methods may change).
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(key))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def below(self, count: int) -> int:
        """An integer in 0 … count − 1."""
        return min(int(self.uniform(0.0, count)), count - 1)

    def uniforms(self, *shape: int) -> npt.NDArray[np.float32]:
        """float32 [*shape] in [0, 1], in steps of 2⁻²⁴."""
        raw = self._bits.random_raw(int(np.prod(shape))) >> np.uint64(40)
        return (raw.astype(np.float32) * np.float32(2.0**-24)).reshape(shape)

    def bytes(self, *shape: int) -> npt.NDArray[np.uint8]:
        """uint8 [*shape]."""
        count = int(np.prod(shape))
        raw: npt.NDArray[np.uint64] = self._bits.random_raw(-(-count // 8))
        return raw.astype("<u8").view(np.uint8)[:count].reshape(shape)

    def shuffled(self, count: int) -> list[int]:
        """0 … count − 1 in random order."""
        order = list(range(count))
        for last in range(count - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def direction(self) -> tuple[float, float]:
        """Cosine and sine of a random angle, without calling either."""
        while True:
            across, down = self.uniform(-1.0, 1.0), self.uniform(-1.0, 1.0)
            square = across * across + down * down
            if 0.01 < square <= 1.0:
                length = float(np.sqrt(square))
                return across / length, down / length

    def colour(self) -> Colour:
        return self.uniform(), self.uniform(), self.uniform()


@dataclass(frozen=True)
class Object:
    """One object; lengths and places are fractions of the image's side.

    ``scale`` is the length of a unit of its form, ``turn`` the cosine and sine of its rotation, ``shade`` how much
    lighter it becomes from one end to the other, along ``light``.
    """

    kind: str
    centre: tuple[float, float]
    scale: float
    turn: tuple[float, float]
    colour: Colour
    shade: float
    light: tuple[float, float]

    @property
    def reach(self) -> float:
        return self.scale * FORMS[self.kind].reach


@dataclass(frozen=True)
class Background:
    """``cell`` is the width of a stripe or check, or the distance of the noise's knots, as a fraction of the side;
    ``grain`` the amplitude of the noise of single pixels, ``mottle`` that of a soft noise over everything.
    """

    texture: str
    colours: tuple[Colour, Colour]
    turn: tuple[float, float]
    cell: float
    mottle: float
    grain: float


@dataclass(frozen=True)
class Scene:
    """``objects`` in the order in which they are painted: the main object is the last, and on top."""

    background: Background
    objects: tuple[Object, ...]
    lots: Lots

    @property
    def label(self) -> str:
        return self.objects[-1].kind


def main_kind(seed: int, index: int) -> str:
    """The kind of the main object: in every ten images from a multiple of ten on, each kind once."""
    block, place = divmod(index, len(KINDS))
    return KINDS[_order(seed, block)[place]]


@lru_cache(maxsize=256)
def _order(seed: int, block: int) -> list[int]:
    return Lots(seed, block, _ORDER_STREAM).shuffled(len(KINDS))


def compose(seed: int, index: int) -> Scene:
    """The scene of one image, the same whatever size it is drawn at and whichever images came before."""
    lots = Lots(seed, index, _IMAGE_STREAM)
    background = _background(lots)
    main = _main_object(lots, main_kind(seed, index), background)
    objects = [main]
    chance, wanted = lots.uniform(), 1
    while wanted < len(_SHARE_OF_COUNTS) and chance >= sum(_SHARE_OF_COUNTS[:wanted]):
        wanted += 1
    kinds = [KINDS[number] for number in lots.shuffled(len(KINDS)) if KINDS[number] != main.kind]
    for kind in kinds[: wanted - 1]:
        other = _other_object(lots, kind, background, objects)
        if other is not None:  # no room left; rare
            objects.append(other)
    return Scene(background, tuple(reversed(objects)), lots)


def _background(lots: Lots) -> Background:
    texture = TEXTURES[lots.below(len(TEXTURES))]
    first = lots.colour()
    red, green, blue = (min(1.0, max(0.0, value + lots.uniform(-0.35, 0.35))) for value in first)
    coarse = texture == "noise"
    return Background(
        texture=texture,
        colours=(first, (red, green, blue)),
        turn=lots.direction(),
        cell=lots.uniform(0.08, 0.3) if coarse else lots.uniform(0.025, 0.08),
        mottle=lots.uniform(0.0, 0.2),
        grain=lots.uniform(0.02, 0.16),
    )


def _main_object(lots: Lots, kind: str, background: Background) -> Object:
    area = lots.uniform(*_MAIN_AREA)
    return _placed(lots, kind, area, _colour_apart(lots, background), _place(lots, kind, area))


def _other_object(lots: Lots, kind: str, background: Background, objects: list[Object]) -> Object | None:
    main = objects[0]
    area = FORMS[main.kind].area * main.scale * main.scale * lots.uniform(*_OTHER_AREA_OF_MAIN)
    colour, reach = _colour_apart(lots, background), _scale(kind, area) * FORMS[kind].reach
    for _ in range(_TRIES):
        x, y = _place(lots, kind, area)
        if all(_apart(x - o.centre[0], y - o.centre[1], (reach + o.reach) * _OVERLAP) for o in objects):
            return _placed(lots, kind, area, colour, (x, y))
    return None


def _placed(lots: Lots, kind: str, area: float, colour: Colour, centre: tuple[float, float]) -> Object:
    return Object(
        kind=kind,
        centre=centre,
        scale=_scale(kind, area),
        turn=lots.direction(),
        colour=colour,
        shade=lots.uniform(0.0, 0.2),
        light=lots.direction(),
    )


def _scale(kind: str, area: float) -> float:
    return float(np.sqrt(area / FORMS[kind].area))


def _place(lots: Lots, kind: str, area: float) -> tuple[float, float]:
    """A centre from which the object, however turned, stays inside the image."""
    reach = _scale(kind, area) * FORMS[kind].reach
    return lots.uniform(reach, 1.0 - reach), lots.uniform(reach, 1.0 - reach)


def _apart(across: float, down: float, least: float) -> bool:
    return across * across + down * down >= least * least


def _colour_apart(lots: Lots, background: Background) -> Colour:
    """A colour that stands out a little from both of the background's: the first that does, else the best."""
    best, best_contrast = lots.colour(), -1.0
    for _ in range(_TRIES):
        colour = lots.colour()
        contrast = min(
            max(abs(a - b) for a, b in zip(colour, other, strict=True)) for other in background.colours
        )
        if contrast > best_contrast:
            best, best_contrast = colour, contrast
        if contrast >= _LEAST_CONTRAST:
            break
    return best
