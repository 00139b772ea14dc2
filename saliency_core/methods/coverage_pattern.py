"""The sliding windows' bare coverage (baseline)."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import MethodDescription
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.enhancement.low_pass import low_pass
from saliency_core.enhancement.windows import window_grid
from saliency_core.lazy import torch
from saliency_core.methods._baseline import baseline_description, where_defined
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register

_PARAMETERS = ("window", "stride", "cutoff", "low_pass")


@register
class CoveragePattern(Method):
    """Σₖ 1|ₖ: how many windows of the sliding-window enhancement cover each pixel, low-passed as there.

    It is the enhanced map of a method that marks every pixel alike. A gain of the enhancement that this map
    reaches too comes from the windows' preference for the centre and not from the method. Image, class and
    classifier play no part.

    Source: thesis, equation 4-8 with S₀ = 1 and αₖ = 0 (or S₀ = 0, sₖ = 1 and αₖ = 1).

    >>> method = create_method("coverage_pattern", classifier)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = baseline_description(
        key="coverage_pattern",
        title="Coverage pattern",
        parameters=tuple(SLIDING_WINDOW.parameter(name) for name in _PARAMETERS),
        paper="Baseline of the sliding-window enhancement (thesis, chapter 4)",
        summary="How often sliding windows cover each pixel: the enhancement without any method inside.",
    )

    def _maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        values = self.parameters
        grid = window_grid(images.shape[2], images.shape[3], values["window"], values["stride"])
        pattern = grid.coverage()[None]
        if values["low_pass"]:
            pattern = low_pass(pattern, values["cutoff"])
        return where_defined(pattern.to(images.device).expand(len(images), -1, -1), images)
