"""Figures with their intervals as points, one row a method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from saliency_core.output.axes import AXES, titles
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

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@styled
def interval_figure(
    results: Sequence[Summarised],
    figures: Sequence[str] | None = None,
    *,
    ordered: bool = True,
    width: float | None = None,
) -> Figure:
    """A panel a figure (by default the experiment's own), a row a method, its interval as a line; the enhanced
    method stands beneath the plain one with a hollow mark. ``ordered``: the best of the last figure first.
    """
    from matplotlib.lines import Line2D

    keys = list(figures or [figure.key for figure in results[0].result.experiment.figures()])
    rows, names = _rows(results)
    if ordered:
        order = np.argsort([_rank(results, rows, row, keys[-1]) for row in range(len(names))], kind="stable")
        places = {int(row): place for place, row in enumerate(order)}
    else:
        places = {row: row for row in range(len(names))}
    both = len({each.result.enhancement is None for each in results}) > 1
    per_row = min(len(keys), 3)
    lines = -(-len(keys) // per_row)
    height = lines * (0.55 + len(names) * (0.26 if both else 0.19)) + (0.2 if both else 0)
    figure = new_figure(width or (COLUMN if per_row == 1 else PAGE), height)
    styles = looks([each.result for each in results])
    for axes, key in zip(grid_of_axes(figure, lines, per_row, len(keys), sharey=True), keys, strict=True):
        for each, look, row in zip(results, styles, rows, strict=True):
            quantity, interval = each.figure(key), each.interval(key)
            if interval.value is None:
                continue
            y = places[row] + (0.17 if look.enhanced else -0.17) * both
            x = scaled(interval.value, quantity.unit)
            if interval.low is not None and interval.high is not None:
                ends = [scaled(end, quantity.unit) for end in (interval.low, interval.high)]
                axes.plot(ends, [y, y], color=look.colour, lw=1.1, solid_capstyle="butt", zorder=2)
            axes.plot(
                [x], [y], look.marker, color=look.colour, markerfacecolor=look.marker_face, ms=4, zorder=3
            )
        axes.set_xlabel(quantity_title(results[0].figure(key)))
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.08)
        axes.tick_params(axis="y", length=0)
        axes.set_yticks([places[row] for row in range(len(names))], names)
        axes.set_ylim(len(names) - 0.45, -0.55)
        for place in range(len(names) - 1):
            axes.axhline(place + 0.5, color="#ededea", lw=0.5, zorder=0)
        axes.spines["left"].set_visible(False)
    if both:
        handles = [
            Line2D([], [], color=SOFT, marker="o", lw=1.1, label="Method alone"),
            Line2D([], [], color=SOFT, marker="o", mfc="white", lw=1.1, label="+ enhancement"),
        ]
        legend_below(figure, handles, 14)
    return figure


def _rows(results: Sequence[Summarised]) -> tuple[list[int], list[str]]:
    """(The row of each result, the rows' names): a method and its enhanced form share one, where the rest is
    equal too.
    """
    axes = [axis for axis in AXES.values() if axis.key not in ("enhancement", "target")]
    numbers: dict[object, int] = {}
    rows = []
    for each in results:
        identity = tuple(axis.identity(each.result) for axis in axes)
        rows.append(numbers.setdefault(identity, len(numbers)))
    every = titles([each.result for each in results])
    names = [""] * len(numbers)
    for row, title in zip(rows, every, strict=True):
        names[row] = names[row] or title.split(" + enhancement")[0]
    return rows, names


def _rank(results: Sequence[Summarised], rows: Sequence[int], row: int, key: str) -> float:
    """Small for the best."""
    values = []
    better = "higher"
    for each, its in zip(results, rows, strict=True):
        if its == row and (value := each.interval(key).value) is not None:
            values.append(value)
            better = each.figure(key).better
    if not values:
        return float("inf")
    return min(values) if better == "lower" else -max(values)
