"""A figure by the confidence of the classifier (thesis, section 3.4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from saliency_core.errors import ParameterError
from saliency_core.output.figures.style import (
    COLUMN,
    LINE,
    PAGE,
    SOFT,
    legend_below,
    looks,
    new_figure,
    quantity_title,
    styled,
)
from saliency_core.output.numbers import scaled
from saliency_core.output.summarised import Summarised

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def confidence_bins_figure(
    results: Sequence[Summarised], figures: Sequence[str] | None = None, width: float | None = None
) -> Figure:
    """A panel a figure; along x the bins of the clean probability of the class explained, with their images as
    bars beneath. Raises ParameterError for results without that probability.
    """
    from matplotlib.lines import Line2D

    if any(not each.summary["bins"] for each in results):
        raise ParameterError("The results do not know the probability of the class explained.")
    keys = list(figures or [figure.key for figure in results[0].result.experiment.figures()])
    styles = looks([each.result for each in results])
    labels = _labels(results[0].summary["bins"])
    width = width or (COLUMN if len(keys) == 1 else PAGE)
    figure = new_figure(width, 2.6 + 0.16 * (1 + len(results) // 5))
    panels = figure.subplots(2, len(keys), squeeze=False, sharex="col", gridspec_kw={"height_ratios": [4, 1]})
    for axes, bars, key in zip(panels[0], panels[1], keys, strict=True):
        for number, (each, look) in enumerate(zip(results, styles, strict=True)):
            quantity = each.figure(key)
            shift = 0.5 * ((number + 0.5) / len(results) - 0.5)
            points = [
                (place + shift, *(scaled(found[end], quantity.unit) for end in ("value", "low", "high")))
                for place, found in _known(each.summary["bins"], key)
            ]
            if not points:
                continue
            x, value, low, high = zip(*points, strict=True)
            axes.plot(
                x,
                value,
                color=look.colour,
                linestyle=look.dashes,
                marker=look.marker,
                mfc=look.marker_face,
                lw=0.8,
                ms=2.6,
            )
            axes.vlines(x, low, high, color=look.colour, lw=0.8)
        axes.set_title(quantity_title(results[0].figure(key)), loc="left", fontweight="bold")
        axes.tick_params(axis="x", length=0)
        _counts(bars, [[item["count"] for item in each.summary["bins"]] for each in results])
        bars.set_xticks(range(len(labels)), labels, rotation=90)
        bars.set_xlabel("Probability of the class explained")
    panels[1][0].set_ylabel("Images")
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.dashes, marker=s.marker, mfc=s.marker_face, label=s.title)
        for s in styles
    ]
    legend_below(figure, handles, max(len(look.title) for look in styles))
    return figure


def _known(bins: Sequence[Mapping[str, Any]], key: str) -> list[tuple[int, dict[str, float]]]:
    """(Place, interval) of the bins with a value; a bin of one image is a point without a line."""
    found = []
    for place, item in enumerate(bins):
        interval = item["figures"][key]
        if interval["value"] is not None:
            ends = {
                end: interval["value"] if interval[end] is None else interval[end] for end in ("low", "high")
            }
            found.append((place, {"value": interval["value"], **ends}))
    return found


def _counts(axes: Any, counts: Sequence[Sequence[int]]) -> None:
    """Bars of the images in each bin: of all results where they agree, else the spread between them."""
    low = [min(each) for each in zip(*counts, strict=True)]
    high = [max(each) for each in zip(*counts, strict=True)]
    places = range(len(low))
    axes.bar(places, high, width=0.7, color=LINE)
    axes.bar(places, low, width=0.7, color="#b9bab6")
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", length=0)
    axes.locator_params(axis="y", nbins=2, integer=True)
    axes.spines["bottom"].set_color(SOFT)


def _labels(bins: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"≥ {item['low']:g}" if item is bins[-1] else f"{item['low']:g}–{item['high']:g}" for item in bins
    ]
