"""Plots for papers and pages: each function gives a matplotlib figure, ``png``, ``svg`` and ``save`` write it."""

from __future__ import annotations

from saliency_core.output.figures.bins import confidence_bins_figure
from saliency_core.output.figures.curves import image_curves_figure, mean_curves_figure
from saliency_core.output.figures.distributions import distribution_figure
from saliency_core.output.figures.points import interval_figure
from saliency_core.output.figures.ranks import critical_difference_figure
from saliency_core.output.figures.style import method_style, png, save, svg

__all__ = [
    "confidence_bins_figure",
    "critical_difference_figure",
    "distribution_figure",
    "image_curves_figure",
    "interval_figure",
    "mean_curves_figure",
    "method_style",
    "png",
    "save",
    "svg",
]
