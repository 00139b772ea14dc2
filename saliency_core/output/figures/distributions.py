"""How a figure is spread over the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from saliency_core.errors import ParameterError
from saliency_core.experiments.figures import Figure as Quantity
from saliency_core.experiments.result import Result
from saliency_core.output.figures.style import (
    COLUMN,
    PAGE,
    SOFT,
    grid_of_axes,
    legend_below,
    looks,
    new_figure,
    quantity_title,
    styled,
)
from saliency_core.output.numbers import scaled
from saliency_core.output.summarised import Summarised
from saliency_core.statistics.tables import image_sums

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def distribution_figure(
    results: Sequence[Summarised],
    figures: Sequence[str] | None = None,
    kind: Literal["box", "violin"] = "box",
    width: float | None = None,
) -> Figure:
    """A panel a figure, a row a result: the middle half of the images with their median, whiskers from the
    5th to the 95th percentile, and the mean as a mark; "violin" adds the density. Figures that single images do
    not have are left out; raises ParameterError where there is no other.
    """
    asked = figures or [figure.key for figure in results[0].result.experiment.figures()]
    spreads = {key: [per_image(each.result, each.figure(key)) for each in results] for key in asked}
    keys = [key for key, values in spreads.items() if any(len(each) for each in values)]
    if not keys:
        raise ParameterError("None of these figures is defined for single images.")
    styles = looks([each.result for each in results])
    per_row = min(len(keys), 3)
    lines = -(-len(keys) // per_row)
    height = lines * (0.6 + 0.24 * len(results)) + 0.2
    figure = new_figure(width or (COLUMN if per_row == 1 else PAGE), height)
    for axes, key in zip(grid_of_axes(figure, lines, per_row, len(keys), sharey=True), keys, strict=True):
        unit = results[0].figure(key).unit
        for place, (spread, look) in enumerate(zip(spreads[key], styles, strict=True)):
            values = np.array([scaled(value, unit) for value in spread])
            if len(values):
                _spread(axes, values, place, look.colour, look.marker, look.enhanced, kind == "violin")
        axes.set_xlabel(f"{quantity_title(results[0].figure(key))}, by image")
        axes.set_yticks(range(len(results)), [look.title for look in styles])
        axes.set_ylim(len(results) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", visible=False)
        axes.spines["left"].set_visible(False)
    legend_below(figure, _explanation(kind), 20)
    return figure


def _explanation(kind: str) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    density = [Patch(facecolor=SOFT, alpha=0.18, label="Density")] if kind == "violin" else []
    return [
        Line2D([], [], color=SOFT, lw=0.8, label="5th–95th percentile"),
        Patch(facecolor=_tinted(SOFT), edgecolor=SOFT, lw=0.8, label="Middle half"),
        Line2D([], [], color=SOFT, marker="|", ms=6, mew=1.4, ls="", label="Median"),
        Line2D([], [], color=SOFT, marker="o", mfc="white", ms=3.5, mew=0.9, ls="", label="Mean"),
        *density,
    ]


def per_image(result: Result, figure: Quantity) -> npt.NDArray[np.float64]:
    """The figure of every image alone, those left out of which it is not defined."""
    if not len(result.columns):
        return np.empty(0)
    _, sums = image_sums(figure.table(result.columns), result.columns.indices)
    values = figure.image_values(sums)
    return values[np.isfinite(values)]


def _spread(
    axes: Axes,
    values: npt.NDArray[np.float64],
    place: int,
    colour: str,
    marker: str,
    hollow: bool,
    violin: bool,
) -> None:
    low, first, median, third, high = np.percentile(values, [5, 25, 50, 75, 95])
    if violin and np.ptp(values) > 0:
        bodies: Any = axes.violinplot(
            [values], [place], orientation="horizontal", widths=0.85, showextrema=False
        )
        for body in bodies["bodies"]:
            body.set(facecolor=colour, alpha=0.18, edgecolor="none")
    half = 0.1 if violin else 0.24
    axes.plot([low, high], [place, place], color=colour, lw=0.8, zorder=2)
    axes.fill_between(
        [first, third],
        place - half,
        place + half,
        facecolor="white" if hollow else _tinted(colour),
        edgecolor=colour,
        lw=0.8,
        zorder=3,
    )
    axes.plot([median, median], [place - half, place + half], color=colour, lw=1.4, zorder=4)
    axes.plot([values.mean()], [place], marker, color=colour, mfc="white", ms=3.5, mew=0.9, zorder=5)


def _tinted(colour: str) -> str:
    """The colour mixed with three parts of white."""
    parts = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - 0.3 * (255 - part)):02x}" for part in parts)
