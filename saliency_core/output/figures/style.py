"""The look that all plots share, and their rendering as PNG and SVG."""

from __future__ import annotations

import functools
import io
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from saliency_core.errors import ParameterError
from saliency_core.experiments.figures import Figure as Quantity
from saliency_core.experiments.result import Result
from saliency_core.output.axes import titles
from saliency_core.output.files import write_bytes
from saliency_core.output.numbers import sign

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.5, 7.2  # widths of one column and of a page of a paper, inches
INK, SOFT, LINE = "#1c1d1f", "#5a5e64", "#d9d9d5"
# Okabe and Ito's colours, safe for colour-blind readers, the light ones darkened for thin lines on white.
_COLOURS = {
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "green": "#009e73",
    "pink": "#c05f98",
    "gold": "#c48a00",
    "sky": "#4aa8dc",
    "grey": "#4d4d4d",
    "violet": "#6b4fa0",
}
_MARKERS = ("o", "s", "^", "D", "v", "<", ">")
# One colour and marker a method, for ever. Methods that are often shown together differ in colour; those of
# one colour differ in marker.
_METHODS: Mapping[str, tuple[str, str]] = {
    "grad_cam": ("blue", "o"),
    "grad_cam_plus_plus": ("sky", "s"),
    "xgrad_cam": ("violet", "^"),
    "score_cam": ("green", "D"),
    "group_cam": ("gold", "v"),
    "cameras": ("pink", "<"),
    "msg_cam": ("vermilion", ">"),
    "layer_cam": ("grey", "s"),
    "ablation_cam": ("green", "s"),
    "cam": ("grey", "o"),
    "relevance_cam": ("pink", "s"),
    "ss_cam": ("gold", "s"),
    "smooth_grad_cam_plus_plus": ("sky", "o"),
    "rise": ("grey", "D"),
    "occlusion": ("grey", "^"),
    "lime": ("green", "o"),
    "kernel_shap": ("violet", "s"),
    "meaningful_perturbation": ("gold", "<"),
    "extremal_perturbation": ("pink", "D"),
    "gradient": ("sky", "^"),
    "gradient_x_input": ("pink", "v"),
    "integrated_gradients": ("violet", "D"),
    "gradient_shap": ("gold", ">"),
    "smooth_grad": ("green", "v"),
    "var_grad": ("blue", "v"),
    "deconvnet": ("grey", "v"),
    "guided_backpropagation": ("sky", "D"),
    "deep_lift": ("vermilion", "v"),
    "lrp": ("pink", "^"),
    "transformer_attribution": ("vermilion", "o"),
    "vit_grad_cam": ("blue", "s"),
    "vit_lrp": ("green", "^"),
    "partial_lrp": ("gold", "D"),
    "raw_attention": ("violet", "v"),
    "attention_rollout": ("pink", ">"),
    "centre_gaussian": ("grey", "<"),
    "coverage_pattern": ("grey", ">"),
    "edge_detector": ("sky", "<"),
    "random_map": ("violet", "<"),
}
_ARROWS = {"higher": " ↑", "lower": " ↓"}
_LOCK = threading.RLock()  # matplotlib's settings belong to the process
_Parameters = ParamSpec("_Parameters")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Look:
    """How a result is drawn wherever it appears: dashed and hollow where the method is enhanced."""

    title: str
    colour: str
    marker: str
    enhanced: bool
    dashes: Any

    @property
    def marker_face(self) -> str:
        return "white" if self.enhanced else self.colour


def method_style(method: str) -> tuple[str, str]:
    """(Colour as #rrggbb, matplotlib marker) of a method, the same in every plot; for unknown methods one that
    follows from the key alone.
    """
    if method in _METHODS:
        colour, marker = _METHODS[method]
        return _COLOURS[colour], marker
    number = zlib.crc32(method.encode())
    colours = list(_COLOURS.values())
    return colours[number % len(colours)], _MARKERS[number // len(colours) % len(_MARKERS)]


def looks(results: Sequence[Result]) -> list[Look]:
    """The look of each result; results of one method and enhancement differ in their dashes."""
    patterns = {
        False: ("-", (0, (6, 1.5, 1, 1.5)), (0, (9, 2))),
        True: ((0, (3, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1))),
    }
    found: list[Look] = []
    seen: dict[tuple[str, bool], int] = {}
    for title, result in zip(titles(results), results, strict=True):
        enhanced = result.enhancement is not None
        number = seen.get((result.method, enhanced), 0)
        seen[result.method, enhanced] = number + 1
        colour, marker = method_style(result.method)
        dashes = patterns[enhanced][number % len(patterns[enhanced])]
        found.append(Look(title, colour, marker, enhanced, dashes))
    return found


def quantity_title(figure: Quantity) -> str:
    """Title, unit and direction: "Insertion AUC (%) ↑"."""
    unit = f" ({sign(figure.unit)})" if sign(figure.unit) else ""
    return f"{figure.title}{unit}{_ARROWS.get(figure.better, '')}"


# --- drawing and rendering -------------------------------------------------------------------------------


def styled(draw: Callable[_Parameters, _Answer]) -> Callable[_Parameters, _Answer]:
    """Runs a function that draws under the common settings."""

    @functools.wraps(draw)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Answer:
        with _settings():
            return draw(*args, **kwargs)

    return run


@contextmanager
def _settings() -> Iterator[None]:
    import matplotlib

    with _LOCK, matplotlib.rc_context():
        matplotlib.rcParams.update(matplotlib.rcParamsDefault)
        matplotlib.rcParams.update(
            {
                "font.family": _fonts(),
                "font.size": 8,
                "axes.titlesize": 8,
                "axes.labelsize": 8,
                "xtick.labelsize": 7,
                "ytick.labelsize": 7,
                "legend.fontsize": 7,
                "legend.frameon": False,
                "legend.handlelength": 2.6,
                "text.color": INK,
                "axes.labelcolor": INK,
                "xtick.color": SOFT,
                "ytick.color": SOFT,
                "xtick.labelcolor": INK,
                "ytick.labelcolor": INK,
                "axes.edgecolor": SOFT,
                "axes.linewidth": 0.6,
                "xtick.major.width": 0.6,
                "ytick.major.width": 0.6,
                "xtick.major.size": 2.5,
                "ytick.major.size": 2.5,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": LINE,
                "grid.linewidth": 0.5,
                "lines.linewidth": 1.1,
                "lines.markersize": 3.2,
                "axes.unicode_minus": True,
                "svg.hashsalt": "saliscope",
                "svg.fonttype": "path",
            }
        )
        yield


@functools.cache
def _fonts() -> list[str]:
    """matplotlib's own sans serif, then a Chinese one where the system has one."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    chinese = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Micro Hei", "SimHei")
    return ["DejaVu Sans", *(name for name in chinese if name in there)][:2]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, belonging to no window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def grid_of_axes(figure: Figure, rows: int, columns: int, count: int, **shared: Any) -> list[Axes]:
    """``count`` axes in reading order; places that are left over stay empty."""
    axes = figure.subplots(rows, columns, squeeze=False, **shared).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return list(axes[:count])


def legend_below(figure: Figure, handles: Sequence[Any], widest: int) -> None:
    """A legend under all axes, in as many columns as ``widest`` labels fit."""
    width = figure.get_figwidth()
    columns = max(1, min(len(handles), int(width / (0.45 + 0.062 * widest))))
    # Rows of about equal length.
    columns = -(-len(handles) // -(-len(handles) // columns))
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, columnspacing=1.4)


@styled
def png(figure: Figure, dpi: int = 300) -> bytes:
    """The figure as PNG, the same bytes every time."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    _arrange(figure)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(
        buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None}
    )
    return buffer.getvalue()


@styled
def svg(figure: Figure) -> bytes:
    """The figure as SVG with its text as outlines, the same bytes every time."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    _arrange(figure)
    buffer = io.BytesIO()
    FigureCanvasSVG(figure).print_figure(
        buffer, format="svg", facecolor="white", metadata={"Date": None, "Creator": "Saliscope"}
    )
    return buffer.getvalue()


def _arrange(figure: Figure) -> None:
    """Lay the figure out once and for all: a second time would move everything by a hair."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure to a .png or .svg file. Raises ParameterError for another ending."""
    ending = Path(path).suffix.lower()
    if ending not in (".png", ".svg"):
        raise ParameterError(f"Plots are written as .png or .svg; got {Path(path).name!r}.")
    return write_bytes(path, png(figure) if ending == ".png" else svg(figure))
