"""How a figure is spread over the images: histograms and densities by method, from the per-image values.

They are computed from what the table of images has, when they are asked for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from django.utils.translation import gettext_lazy as _

from webapp.benchmarks.image_table import Units

BOX, HISTOGRAM, VIOLIN = "box", "histogram", "violin"
KINDS = ((BOX, _("Box plots")), (HISTOGRAM, _("Histogram")), (VIOLIN, _("Violin plots")))
BINS = 30
DENSITY_POINTS = 80
_FINE_BINS = 400
_DIGITS = 6

Values = npt.NDArray[np.float64]


def kind_of(asked: str) -> str:
    """What the address asks for; box plots unless it is one of KINDS."""
    return asked if asked in dict(KINDS) else BOX


def distribution(units: Units, kind: str, column_keys: set[str] | None = None) -> dict[str, Any] | None:
    """Of the columns that belong to a method (those of `column_keys`, if given), on common axes.

    {"kind", "unit", "parts": [{"column", "title", "method", "n", "x", "y"}]}: for a histogram the bins' middles and
    shares of the images, for a violin places and densities, whose integral over x is 1. Percentages are × 100. None
    where no image has a value.
    """
    chosen = [
        (column, _known(units.values[place], column.unit))
        for place, column in enumerate(units.columns)
        if column.method is not None and (column_keys is None or column.key in column_keys)
    ]
    chosen = [(column, values) for column, values in chosen if len(values)]
    if not chosen:
        return None
    low, high = _range([values for _column, values in chosen])
    shape = _histogram if kind == HISTOGRAM else _density
    parts = []
    for column, values in chosen:
        x, y = shape(values, low, high)
        parts.append(
            {
                "column": column.key,
                "title": column.title,
                "method": column.method,
                "n": len(values),
                "median": round(float(np.median(values)), _DIGITS),
                "x": [round(float(each), _DIGITS) for each in x],
                "y": [round(float(each), _DIGITS) for each in y],
            }
        )
    return {"kind": kind, "unit": chosen[0][0].unit, "parts": parts}


def _known(values: npt.NDArray[np.float32], unit: str) -> Values:
    known = values[np.isfinite(values)].astype(np.float64)
    return 100 * known if unit == "percent" else known


def _range(values: list[Values]) -> tuple[float, float]:
    low, high = min(each.min() for each in values), max(each.max() for each in values)
    # All images alike: a range around the one value, so that it has a bin.
    margin = 0.0 if high > low else max(abs(high) * 0.01, 0.5)
    return float(low - margin), float(high + margin)


def _histogram(values: Values, low: float, high: float) -> tuple[Values, Values]:
    counts, edges = np.histogram(values, bins=BINS, range=(low, high))
    return (edges[:-1] + edges[1:]) / 2, counts / len(values)


def _density(values: Values, low: float, high: float) -> tuple[Values, Values]:
    """A Gaussian kernel density (Silverman's rule) over the range and three widths of the kernel beyond it."""
    spread = min(values.std(), (np.percentile(values, 75) - np.percentile(values, 25)) / 1.34) or values.std()
    width = max(0.9 * spread * len(values) ** -0.2, (high - low) / 200)
    # From fine bins, so that a density of 50,000 images costs no more than one of 500.
    counts, edges = np.histogram(values, bins=_FINE_BINS, range=(low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    x = np.linspace(low - 3 * width, high + 3 * width, DENSITY_POINTS)
    kernel = np.exp(-0.5 * ((x[:, None] - middles[None, :]) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return x, kernel @ (counts / len(values))
