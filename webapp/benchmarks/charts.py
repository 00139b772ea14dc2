"""What the charts of several results are drawn from (see static/js/charts.js)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.experiments.figures import Figure

_WITHIN_ONE = {"Probability", "Accuracy", "IoU", "Share of images"}


def curve_chart(contents: Mapping[int, Mapping[str, Any]], key: str) -> dict[str, Any] | None:
    """The mean curves of that key with their bands; None where no result has one. `contents`: of the summaries, by
    the number of the line's method or result.
    """
    found = {
        number: content["curves"][key] for number, content in contents.items() if key in content["curves"]
    }
    if not found:
        return None
    first = next(iter(found.values()))
    x_title, y_title = first["x_title"], first["y_title"]
    return {
        "x_title": _(x_title),
        "y_title": _(y_title),
        "named": any(isinstance(place, str) for place in first["positions"]),
        "percent": x_title.startswith("Share"),
        "within_one": y_title in _WITHIN_ONE,
        "lines": [
            {
                "method": number,
                "x": curve["positions"],
                "mean": curve["mean"],
                "low": curve["low"],
                "high": curve["high"],
            }
            for number, curve in sorted(found.items())
        ],
    }


def spread_chart(contents: Mapping[int, Mapping[str, Any]], figure: Figure) -> dict[str, Any]:
    """How a figure is spread over the images of each result, in its unit."""
    scale = 100 if figure.unit == "percent" else 1
    return {
        "boxes": [
            {
                "method": number,
                "percentiles": [scale * each for each in content["spread"][figure.key]["percentiles"]],
                "mean": scale * content["spread"][figure.key]["mean"],
            }
            for number, content in sorted(contents.items())
            if figure.key in content["spread"]
        ]
    }
