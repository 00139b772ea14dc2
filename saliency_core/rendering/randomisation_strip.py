"""Maps of one image as a classifier's layers are initialised anew: a row a method, a column a stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.rendering.contact_sheet import contact_sheet
from saliency_core.rendering.overlay import overlay

Map = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RandomisedMap:
    """The map [H, W], stretched to [0, 1], after the layer was randomised, and how alike it is to the intact
    classifier's; None where it has no contrast.
    """

    layer: str
    map01: Map
    similarity: float | None


@dataclass(frozen=True)
class StripRow:
    """A method's map [H, W] of the intact classifier, stretched to [0, 1], and those of the stages."""

    title: str
    map01: Map
    stages: Sequence[RandomisedMap]


def randomisation_strip(image: Image.Image, rows: Sequence[StripRow], tile: int = 128) -> Image.Image:
    """A sheet with one row per method: the photograph under the map of the intact classifier, with the method's
    title, then under that of every stage, with the layer's name and the similarity. Raises ValueError for rows
    of different length, or none.
    """
    if len({len(row.stages) for row in rows}) != 1:
        raise ValueError("A strip needs at least one row, and rows of the same length.")
    tiles = []
    for row in rows:
        tiles.append((row.title, overlay(image, row.map01)))
        for stage in row.stages:
            tiles.append((f"{stage.layer} {_shown(stage.similarity)}", overlay(image, stage.map01)))
    return contact_sheet(tiles, columns=1 + len(rows[0].stages), tile=tile, text_size=11)


def _shown(similarity: float | None) -> str:
    """ "ρ=−0.12" in one word, so that it stays on one line; a proper minus, none for −0.00."""
    if similarity is None:
        return "no contrast"
    return f"ρ={similarity:.2f}".replace("-0.00", "0.00").replace("-", "−")
