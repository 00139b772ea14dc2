"""The small curves beside a map, as lines of an SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

WIDTH, HEIGHT = 200.0, 72.0


@dataclass(frozen=True)
class CurveLine:
    """`points`: as SVG writes them; `area`: its score, a fraction of 1."""

    key: str
    title: str
    points: str
    area: float


def curve_lines(curves: dict[str, Any]) -> list[CurveLine]:
    """Insertion and deletion from what the worker measured."""
    titles = {"insertion": _("Insertion"), "deletion": _("Deletion")}
    return [
        CurveLine(key, title, _points(curves[key]), curves[f"{key}_auc"])
        for key, title in titles.items()
        if key in curves
    ]


def _points(values: list[float]) -> str:
    last = max(1, len(values) - 1)
    places = ((WIDTH * index / last, HEIGHT * (1 - value)) for index, value in enumerate(values))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
