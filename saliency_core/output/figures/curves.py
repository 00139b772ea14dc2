"""Curves of several results in one plot: means with bands, or those of one image."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from saliency_core.errors import ParameterError
from saliency_core.output.figures.style import (
    COLUMN,
    PAGE,
    Look,
    grid_of_axes,
    legend_below,
    looks,
    new_figure,
    styled,
)
from saliency_core.output.summarised import Summarised

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_Curve = Mapping[str, Any]
_MARKS_ALONG = 8  # markers on a long curve; short ones have one a point


@styled
def mean_curves_figure(
    results: Sequence[Summarised], curves: Sequence[str] | None = None, width: float | None = None
) -> Figure:
    """A panel a curve (all of the experiment's unless ``curves`` names some), a line a result, with the band
    of its interval; for insertion / deletion and perturbation as for the sanity check's similarities by layer.
    """
    return _panels(results, [each.summary["curves"] for each in results], curves, width)


@styled
def image_curves_figure(
    results: Sequence[Summarised],
    image: str,
    curves: Sequence[str] | None = None,
    width: float | None = None,
) -> Figure:
    """The curves of one image, named by its identifier (as in the thesis' figure 3-2); where an image has
    several rows, of its first. Raises ParameterError if a result lacks it.
    """
    found = []
    for each in results:
        columns = each.result.columns
        if image not in columns.images:
            raise ParameterError(f"{each.result.title} has no figures of the image {image!r}.")
        row = columns.images.index(image)
        found.append(
            {
                key: {**curve, "mean": columns.curves[key][row].tolist(), "low": None, "high": None}
                for key, curve in each.summary["curves"].items()
            }
        )
    return _panels(results, found, curves, width)


def _panels(
    results: Sequence[Summarised],
    found: Sequence[Mapping[str, _Curve]],
    wanted: Sequence[str] | None,
    width: float | None,
) -> Figure:
    from matplotlib.lines import Line2D

    keys = list(wanted or dict.fromkeys(key for each in found for key in each))
    if not keys or any(all(key not in each for each in found) for key in keys):
        raise ParameterError("The results have no such curves.")
    named = any(isinstance(place, str) for each in found for key in keys for place in each[key]["positions"])
    per_row = min(len(keys), 2)
    rows = -(-len(keys) // per_row)
    width = width or (COLUMN if per_row == 1 else PAGE)
    styles = looks([each.result for each in results])
    panel = 2.1 if not named else 2.5
    figure = new_figure(width, rows * panel + 0.18 * (1 + len(results) // 3))
    heights = {found[0][key]["y_title"] for key in keys if key in found[0]}
    panels = grid_of_axes(figure, rows, per_row, len(keys), sharey=len(heights) == 1)
    for axes, key in zip(panels, keys, strict=True):
        members = [(look, each[key]) for look, each in zip(styles, found, strict=True) if key in each]
        _panel(axes, members, titled=len(keys) > 1)
    handles = [
        Line2D([], [], color=s.colour, linestyle=s.dashes, marker=s.marker, mfc=s.marker_face, label=s.title)
        for s in styles
    ]
    legend_below(figure, handles, max(len(look.title) for look in styles))
    return figure


def _panel(axes: Axes, members: Sequence[tuple[Look, _Curve]], *, titled: bool) -> None:
    first = members[0][1]
    names = _names(members)
    for number, (look, curve) in enumerate(members):
        places = [names.index(place) if names else place for place in curve["positions"]]
        mean = _floats(curve["mean"])
        spacing = max(1, len(mean) // _MARKS_ALONG)
        offset = number * spacing // max(1, len(members))  # markers of several lines do not sit on each other
        axes.plot(
            places,
            mean,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            markerfacecolor=look.marker_face,
            markevery=(offset, spacing),
            zorder=3,
        )
        if curve["low"] is not None:
            axes.fill_between(
                places, _floats(curve["low"]), _floats(curve["high"]), color=look.colour, alpha=0.13, lw=0
            )
    if titled:
        axes.set_title(first["title"], loc="left", fontweight="bold")
    axes.set_xlabel(first["x_title"])
    axes.set_ylabel(textwrap.fill(first["y_title"], 24))
    axes.tick_params(axis="y", labelleft=True)
    if names:
        _name_ticks(axes, names)
    else:
        axes.set_xlim(min(first["positions"]), max(first["positions"]))
        if first["x_title"].startswith("Share"):
            _percent_ticks(axes.xaxis, 0)


def _names(members: Sequence[tuple[Look, _Curve]]) -> list[str]:
    """The names along x, each once; empty where x is a number."""
    return list(
        dict.fromkeys(place for _, curve in members for place in curve["positions"] if isinstance(place, str))
    )


def _name_ticks(axes: Axes, names: Sequence[str]) -> None:
    axes.set_xticks(range(len(names)), [_shortened(name) for name in names], rotation=90)
    axes.tick_params(axis="x", labelsize=6 if len(names) > 12 else 7)
    axes.set_xlim(-0.4, len(names) - 0.6)
    axes.margins(y=0.08)


def _shortened(name: str, length: int = 18) -> str:
    """The end of a long layer name tells layers apart."""
    return name if len(name) <= length else "…" + name[1 - length :]


def _percent_ticks(axis: Any, decimals: int) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, decimals))


def _floats(values: Sequence[float | None]) -> Any:
    return np.array(values, dtype=np.float64)
