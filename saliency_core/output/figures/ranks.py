"""The critical-difference diagram (J. Demšar, JMLR 7, 2006, figure 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saliency_core.errors import ParameterError
from saliency_core.output.comparison import Comparison, FigureComparison
from saliency_core.output.figures.style import COLUMN, INK, PAGE, SOFT, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TOP = 0.62  # the axis of ranks, inches from the upper edge
_STEP = 0.19  # between two labels
_BAR_STEP = 0.1  # between two bars


@styled
def critical_difference_figure(
    comparison: Comparison, figure: str | None = None, width: float | None = None
) -> Figure:
    """Average ranks on a line, the best on the left; bars join results that do not differ by the critical
    difference. ``figure``: key, by default the last that has ranks. Raises ParameterError where there are none.
    """
    ranked = [each for each in comparison.figures if each.ranking is not None]
    chosen = [each for each in ranked if figure in (None, each.figure.key)]
    if not chosen:
        raise ParameterError(
            "A critical-difference diagram needs three results or more with values by image."
        )
    each = chosen[-1]
    count = len(comparison.titles)
    longest = max(len(title) for title in comparison.titles)
    width = width or (COLUMN if longest <= 14 and count <= 8 else PAGE * 0.75)
    first_label = _TOP + 0.11 + _BAR_STEP * len(each.groups) + 0.12
    height = first_label + _STEP * ((count - 1) // 2) + 0.16
    drawn = new_figure(width, height)
    drawn.set_layout_engine("none")
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    _draw(axes, comparison, each, width, first_label, 0.058 * longest + 0.52)
    return drawn


def _draw(
    axes: Axes, comparison: Comparison, each: FigureComparison, width: float, first_label: float, side: float
) -> None:
    """Everything in inches from the upper left corner; ``side``: room for the labels."""
    top = _TOP
    ranking, critical = each.ranking, each.critical_difference
    assert ranking is not None and critical is not None
    ranks = np.array(ranking.average_ranks)
    order = np.argsort(ranks, kind="stable")
    count = len(order)
    side = min(side, 0.38 * width)

    def place(rank: float) -> float:
        return side + (rank - 1) / (count - 1) * (width - 2 * side)

    axes.plot([place(1), place(count)], [top, top], color=INK, lw=0.8, solid_capstyle="butt")
    for rank in range(1, count + 1):
        axes.plot([place(rank)] * 2, [top - 0.05, top], color=INK, lw=0.8)
        axes.text(place(rank), top - 0.07, str(rank), ha="center", va="bottom", fontsize=7)
    shown = min(place(1) + critical / (count - 1) * (width - 2 * side), width - 0.1)
    level = top - 0.31
    axes.plot([place(1), shown], [level, level], color=INK, lw=0.8)
    for end in (place(1), shown):
        axes.plot([end, end], [level - 0.035, level + 0.035], color=INK, lw=0.8)
    text = f"CD = {critical:.2f}" if critical >= 0.1 else f"CD = {critical:.3f}"
    axes.text(shown + 0.06, level, text, ha="left", va="center", fontsize=7)
    axes.text(0.04, 0.05, f"Average rank, {each.figure.title}", ha="left", va="top", fontsize=7, color=SOFT)
    for number, group in enumerate(each.groups):
        y = top + 0.11 + _BAR_STEP * number
        ends = [place(ranks[group[0]]) - 0.04, place(ranks[group[-1]]) + 0.04]
        axes.plot(ends, [y, y], color=INK, lw=2.6, solid_capstyle="butt", zorder=4)
    half = (count + 1) // 2
    for position, member in enumerate(order):
        left = position < half
        row = position if left else count - 1 - position
        y = first_label + _STEP * row
        x, edge = place(ranks[member]), side - 0.1 if left else width - side + 0.1
        axes.plot([x, x, edge], [top, y, y], color=SOFT, lw=0.7, zorder=2)
        label = f"{comparison.titles[member]}  {ranks[member]:.2f}"
        if not left:
            label = f"{ranks[member]:.2f}  {comparison.titles[member]}"
        axes.text(
            edge + (-0.04 if left else 0.04),
            y,
            label,
            ha="right" if left else "left",
            va="center",
            fontsize=7,
        )
