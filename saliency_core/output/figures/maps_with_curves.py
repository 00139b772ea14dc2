"""Maps of several images by several methods, with the insertion and deletion curves of each (thesis, figure 3-2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.output.figures.style import PAGE, legend_below, method_style, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class MethodOnImage:
    """One method's map as a picture, and its curves [steps + 1] of probabilities."""

    key: str
    title: str
    overlay: Image.Image
    insertion: npt.NDArray[np.float32]
    deletion: npt.NDArray[np.float32]
    overall: float
    enhanced: bool = False


@dataclass(frozen=True)
class ExplainedImage:
    """An image with the class explained, and what the methods make of it."""

    image: Image.Image
    target: str
    probability: float
    methods: Sequence[MethodOnImage]


@styled
def maps_with_curves_figure(images: Sequence[ExplainedImage]) -> Figure:
    """A row per image: the image, the methods' maps with their over-all score in percent, both kinds of curve."""
    methods = len(images[0].methods)
    widths = [1.0] * (1 + methods) + [1.45, 1.45]
    side = PAGE / sum(widths)
    figure = new_figure(PAGE, side * 1.27 * len(images) + 0.45)
    grid = figure.add_gridspec(len(images), len(widths), width_ratios=widths)
    handles: Sequence[Any] = ()
    for row, item in enumerate(images):
        axes = [figure.add_subplot(grid[row, column]) for column in range(len(widths))]
        _picture(axes[0], item.image, f"{item.target}\n{100 * item.probability:.1f} %")
        for place, method in enumerate(item.methods, start=1):
            _picture(axes[place], method.overlay, f"{method.title}\n{100 * method.overall:.1f}")
        last = row == len(images) - 1
        for place, kind in ((-2, "insertion"), (-1, "deletion")):
            _curves(axes[place], item.methods, kind, last=last, first=row == 0)
            handles = axes[place].get_lines()
    legend_below(figure, handles, max(len(method.title) for method in images[0].methods))
    return figure


def _picture(axes: Axes, image: Image.Image, text: str) -> None:
    axes.imshow(np.asarray(image))
    axes.set_axis_off()
    axes.set_title(text, fontsize=5.5, pad=2)


def _curves(axes: Axes, methods: Sequence[MethodOnImage], kind: str, *, last: bool, first: bool) -> None:
    for method in methods:
        values: Any = getattr(method, kind)
        colour, _ = method_style(method.key)
        shares = np.linspace(0, 1, len(values))
        style = (0, (3, 1.5)) if method.enhanced else "-"
        axes.plot(shares, values, color=colour, linestyle=style, linewidth=0.9, label=method.title)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "50", "100 %"] if last else [""] * 3, fontsize=5)
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"], fontsize=5)
    axes.set_box_aspect(0.72)
    if first:
        axes.set_title(f"{kind.capitalize()}: probability", fontsize=5.5, pad=2)
    if last:
        axes.set_xlabel("Pixels changed", fontsize=5.5)
