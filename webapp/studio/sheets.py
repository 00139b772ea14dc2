"""Contact sheets and tables of the maps of a page."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO

import numpy as np
import numpy.typing as npt
from django.utils import translation
from PIL import Image

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.output.cells import neutralised
from saliency_core.rendering.contact_sheet import contact_sheet
from saliency_core.rendering.overlay import overlay
from webapp.studio.choices import Choice
from webapp.studio.models import State
from webapp.studio.services import explanation_folder
from webapp.studio.tiles import Tile

CURVE_COLUMNS = ("method", "settings", "step", "share_of_pixels", "insertion", "deletion")


def sheet_of(choice: Choice, tiles: Sequence[Tile]) -> Image.Image | None:
    """The image and the maps that are ready on one sheet, each with its title; None where none is ready.

    Opacity, colours and percentiles are those of the address. Titles are in English: the sheet's font has no Chinese.
    """
    assert choice.classifier is not None and choice.source is not None
    ready = [tile for tile in tiles if tile.row is not None and tile.row.state == State.READY]
    if not ready:
        return None
    seen = Preprocessing.from_dict(choice.preprocessing).framed(choice.source.pixels())
    shown = choice.display
    opacity = {"heat": 1.0, "original": 0.0}.get(shown["view"], _share(shown["opacity"], 50))
    low, high = _share(shown["low"], 0), _share(shown["high"], 100)
    pictures = [(f"{choice.source.name}: {choice.class_name}", seen)]
    with translation.override("en"):
        for tile in ready:
            assert tile.row is not None
            values = np.load(explanation_folder(tile.row) / "map.npy", allow_pickle=False)
            drawn = overlay(seen, stretched(values, low, high), opacity, _colours(shown["colours"]))
            pictures.append((f"{tile.title} {_settings(tile)}".strip(), drawn))
    return contact_sheet(pictures)


def stretched(values: npt.NDArray[np.float32], low: float, high: float) -> npt.NDArray[np.float32]:
    """A map [H, W] stretched to [0, 1] between two of its quantiles, `low` and `high`; zeros if constant."""
    bottom, top = np.quantile(values, sorted((low, high)))
    if top <= bottom:
        return np.zeros_like(values)
    return np.clip((values - bottom) / (top - bottom), 0, 1).astype(np.float32)


def curves_table(tiles: Sequence[Tile]) -> str:
    """CSV: a row for every step of every map whose curves are measured."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    with translation.override("en"):
        rules = dict.fromkeys(f"protocol={tile.curves_rules}" for tile in tiles)
    writer.writerow([*CURVE_COLUMNS, *rules])
    for tile in tiles:
        if not tile.figures.get("insertion"):
            continue
        insertion, deletion = tile.figures["insertion"], tile.figures["deletion"]
        last = max(1, len(insertion) - 1)
        for step, pair in enumerate(zip(insertion, deletion, strict=True)):
            writer.writerow([tile.name, neutralised(_settings(tile)), step, f"{step / last:.6f}", *pair])
    return text.getvalue()


def _settings(tile: Tile) -> str:
    return " ".join(f"{parameter.name}={text}" for parameter, text in tile.own_settings)


def _share(text: str, usual: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = usual
    return min(100.0, max(0.0, number if number == number else usual)) / 100


def _colours(name: str) -> str:
    from saliency_core.rendering.colour_maps import COLOUR_MAPS, DEFAULT_COLOUR_MAP

    return name if name in COLOUR_MAPS else DEFAULT_COLOUR_MAP
