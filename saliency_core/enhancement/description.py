"""What the enhancement is and what it costs; forms, documents and the command line are built from this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.enhancement.windows import USUAL_SIZE, window_grid
from saliency_core.errors import ParameterError, suggestion

ENHANCEMENT_KEY = "enhancement"  # where a method's parameters hold those of the enhancement


@dataclass(frozen=True)
class EnhancementDescription:
    """What a user needs to know about an enhancement; it is described in the style of a method."""

    key: str
    title: str
    parameters: tuple[Parameter, ...]
    paper: str
    summary: str

    def parameter(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = [parameter.name for parameter in self.parameters]
        raise ParameterError(
            f"The enhancement has no parameter {name!r}; it has {', '.join(names)}.{suggestion(name, names)}"
        )

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters, defaults filled in, in the order of the description. Raises ParameterError."""
        for name in values:
            self.parameter(name)
        return {
            parameter.name: parameter.validate(values.get(parameter.name, parameter.default))
            for parameter in self.parameters
        }

    def windows(self, values: Mapping[str, Any], size: int = USUAL_SIZE) -> int:
        """Windows per square image of ``size`` pixels. Raises ParameterError."""
        checked = self.validate(values)
        return len(window_grid(size, size, checked["window"], checked["stride"]))

    def cost(self, base: Cost, values: Mapping[str, Any], size: int = USUAL_SIZE) -> Cost:
        """Work per image of a method that costs ``base``: it explains the image and every window, and every
        window is scored once.
        """
        windows = self.windows(values, size)
        return Cost(
            forwards=(windows + 1) * base.forwards + windows, backwards=(windows + 1) * base.backwards
        )


SLIDING_WINDOW = EnhancementDescription(
    key="sliding_window",
    title="Sliding-window enhancement",
    parameters=(
        Parameter(
            name="window",
            kind="integer",
            default=96,
            minimum=2,
            maximum=4096,
            title="Window",
            unit="px",
            help=(
                "Side of the windows that are cut out and enlarged to the image's size. On an image smaller than "
                "the window, window and stride shrink as the image does against 224 pixels."
            ),
            source="Thesis, section 4.4: h = w = 96",
        ),
        Parameter(
            name="stride",
            kind="integer",
            default=32,
            minimum=1,
            maximum=4096,
            title="Stride",
            unit="px",
            help="Pixels from one window to the next. One more window lies flush with a border not reached.",
            source="Thesis, section 4.4",
        ),
        Parameter(
            name="cutoff",
            kind="number",
            default=35.0,
            minimum=0.5,
            maximum=4096,
            title="Cut-off frequency",
            unit="cycles per 224 px",
            help=(
                "Frequencies above it are removed from the fused map; the bound itself is kept. On images of "
                "other sizes the same wavelength in pixels is cut."
            ),
            source="Thesis, section 4.4: D₀ = 35; ≤ as in equation 4-10",
        ),
        Parameter(
            name="base_term",
            kind="choice",
            default="per_window",
            choices=("per_window", "once", "none"),
            title="Map of the whole image",
            help=(
                "per_window: added once for every window that covers a pixel, as the equation says; once: added "
                "once; none: left out."
            ),
            source="Thesis, equation 4-8, read literally",
        ),
        Parameter(
            name="coverage_normalise",
            kind="boolean",
            default=False,
            title="Divide by coverage",
            help=(
                "Divide the sum over windows by the number of windows at each pixel. Without it the centre counts "
                "up to nine times as much as a corner, and the map can follow that pattern more than the model."
            ),
            source="Thesis, equation 4-8 has no division",
        ),
        Parameter(
            name="antialias",
            kind="boolean",
            default=False,
            title="Antialias",
            help="Average when a window's map is shrunk back to the window, for maps with fine detail.",
            source="Thesis, equation 4-7 uses plain bilinear interpolation",
        ),
        Parameter(
            name="low_pass",
            kind="boolean",
            default=True,
            title="Low-pass filter",
            help="Smooth the fused map; without it the borders of the windows show.",
            source="Thesis, equations 4-9 and 4-10",
        ),
    ),
    paper="Thesis, chapter 4",
    summary=(
        "Explains every enlarged window of the image too and adds these maps, weighted by the probability of the "
        "class in the window, to the map of the whole image."
    ),
)


class EnhancedDescription(MethodDescription):
    """Description of an enhanced method: the base method's, whose parameters may also hold those of the
    enhancement under "enhancement".
    """

    def validate(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The base method's parameters and, under "enhancement", those of the enhancement, defaults filled
        in. Raises ParameterError.
        """
        base = {name: value for name, value in values.items() if name != ENHANCEMENT_KEY}
        return {
            **super().validate(base),
            ENHANCEMENT_KEY: SLIDING_WINDOW.validate(values.get(ENHANCEMENT_KEY, {})),
        }


def enhanced_description(base: MethodDescription, size: int = USUAL_SIZE) -> EnhancedDescription:
    """The description of ``base`` with the enhancement around it, on square images of ``size`` pixels.

    >>> from saliency_core.methods.registry import method_description
    >>> enhanced_description(method_description("grad_cam")).work({})
    Cost(forwards=51, backwards=26)
    """

    def cost(values: Mapping[str, Any]) -> Cost:
        return SLIDING_WINDOW.cost(base.cost(values), values.get(ENHANCEMENT_KEY, {}), size)

    inherited = {field.name: getattr(base, field.name) for field in fields(MethodDescription)}
    changed = {
        "key": f"{base.key}+{SLIDING_WINDOW.key}",
        "title": f"{base.title} + {SLIDING_WINDOW.title.lower()}",
        "paper": f"{base.paper}; enhancement: {SLIDING_WINDOW.paper}",
        "summary": f"{base.summary} {SLIDING_WINDOW.title}: {SLIDING_WINDOW.summary}",
        "cost": cost,
    }
    return EnhancedDescription(**{**inherited, **changed})
