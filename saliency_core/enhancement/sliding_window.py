"""The sliding-window enhancement around any method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saliency_core.enhancement.description import ENHANCEMENT_KEY, SLIDING_WINDOW, enhanced_description
from saliency_core.enhancement.fusion import fused, resized
from saliency_core.enhancement.low_pass import low_pass
from saliency_core.enhancement.windows import WindowGrid, window_grid
from saliency_core.lazy import torch
from saliency_core.methods.base import Method
from saliency_core.methods.registry import create_method
from saliency_core.scoring.scorer import Scorer

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier


class SlidingWindowEnhancement(Method):
    """Δ(Σₖ (αₖ sₖ + S₀|ₖ)): maps of all windows fused with the map of the whole image, then low-passed.

    For every window k, Pₖ is the window enlarged to the image's size, Sₖ = N01(f(Pₖ, c)) the base method's
    map of it, sₖ that map shrunk to the window, αₖ the probability of the class c in Pₖ; S₀ = N01(f(I₀, c)),
    and Δ removes frequencies above the cut-off. The class is the one asked for, in every window. A
    degenerate map counts as zeros.

    It is used like the method it wraps: explain() takes and gives the same. ``description`` and
    ``parameters`` are the base method's with the enhancement added. Windows of many images share batches of
    the scorer's size, so memory does not grow with the number of windows.

    Extras, float32 [B]: ``coverage_correlation`` and ``base_correlation``, Pearson's correlation of the map
    with the bare coverage pattern and with S₀ (the literal sum can follow the windows more than the model);
    ``mean_window_probability``, the mean αₖ; ``degenerate_windows``, the share of windows without a map.
    The base method's own extras for the whole image come along as "base_…".

    Source: thesis, chapter 4, equations 4-1 to 4-11.

    >>> method = SlidingWindowEnhancement(create_method("grad_cam", classifier))  # doctest: +SKIP
    """

    def __init__(self, method: Method, **parameters: Any) -> None:
        """``parameters`` are those of SLIDING_WINDOW. Raises ParameterError."""
        self.method = method
        self.classifier = method.classifier
        self.enhancement = SLIDING_WINDOW.validate(parameters)
        self.parameters = {**method.parameters, ENHANCEMENT_KEY: self.enhancement}
        # Described per object, not per class: what it is depends on the method inside.
        self.__dict__["description"] = enhanced_description(
            method.description, method.classifier.preprocessing.size
        )

    def bound_to(self, classifier: Classifier) -> SlidingWindowEnhancement:
        return SlidingWindowEnhancement(self.method.bound_to(classifier), **self.enhancement)

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        values = self.enhancement
        grid = window_grid(images.shape[2], images.shape[3], values["window"], values["stride"])
        whole, windows, weights, extras = self._explained(images, targets, grid)
        maps = fused(whole, windows, weights, grid, values["base_term"], values["coverage_normalise"])
        if values["low_pass"]:
            maps = low_pass(maps, values["cutoff"])
        coverage = grid.coverage().to(maps.device).expand_as(maps)
        extras["coverage_correlation"] = _correlation(maps, coverage)
        extras["base_correlation"] = _correlation(maps, whole)
        extras["mean_window_probability"] = weights.mean(1)
        return maps, extras

    def _explained(
        self, images: torch.Tensor, targets: torch.Tensor, grid: WindowGrid
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """S₀ [B, H, W], sₖ [B, windows, window, window], αₖ [B, windows], and the extras so far."""
        scorer = Scorer(self.classifier)
        count, side = len(grid), grid.window
        whole = torch.zeros(len(images), grid.height, grid.width, device=images.device)
        windows = torch.zeros(len(images), count, side, side, device=images.device)
        degenerate = torch.zeros(len(images), count, dtype=torch.bool, device=images.device)
        weights = torch.zeros(len(images), count, device=images.device)
        extras: dict[str, torch.Tensor] = {}
        # The jobs of an image: itself (−1) and its windows, so that one call explains both.
        jobs = [(image, window) for image in range(len(images)) for window in range(-1, count)]
        for first in range(0, len(jobs), scorer.batch_size):
            batch = jobs[first : first + scorer.batch_size]
            pictures = _pictures(images, grid, batch)
            owners = [image for image, _ in batch]
            explanation = self.method.explain(pictures, targets[owners])
            maps = explanation.normalised()
            at_whole = [place for place, (_, window) in enumerate(batch) if window < 0]
            at_window = [place for place, (_, window) in enumerate(batch) if window >= 0]
            if at_whole:
                owners = [batch[place][0] for place in at_whole]
                whole[owners] = maps[at_whole]
                for name, value in explanation.extras.items():
                    kept = extras.setdefault(f"base_{name}", value.new_zeros(len(images)))
                    kept[owners] = value[at_whole]
            if at_window:
                owners = [batch[place][0] for place in at_window]
                numbers = [batch[place][1] for place in at_window]
                windows[owners, numbers] = resized(
                    maps[at_window], (side, side), self.enhancement["antialias"]
                )
                degenerate[owners, numbers] = explanation.degenerate[at_window]
                scores = scorer.score_images(pictures[at_window], targets[owners])
                weights[owners, numbers] = scores.to(weights.device)
        extras["degenerate_windows"] = degenerate.float().mean(1)
        return whole, windows, weights, extras


def _pictures(images: torch.Tensor, grid: WindowGrid, jobs: list[tuple[int, int]]) -> torch.Tensor:
    """The image (window −1) or the enlarged window of every job, [jobs, 3, H, W]."""
    pictures = images[[image for image, _ in jobs]]
    cut = [(place, image, window) for place, (image, window) in enumerate(jobs) if window >= 0]
    if cut:
        corners = grid.corners
        crops = torch.stack(
            [
                images[image, :, top : top + grid.window, left : left + grid.window]
                for _, image, (top, left) in ((place, image, corners[window]) for place, image, window in cut)
            ]
        )
        pictures[[place for place, _, _ in cut]] = resized(crops, (grid.height, grid.width))
    return pictures


def _correlation(maps: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation [B] of maps [B, H, W] with ``others`` [B, H, W]; 0 where one is constant."""
    first, second = (values.flatten(1).double() for values in (maps, others))
    first, second = (values - values.mean(1, keepdim=True) for values in (first, second))
    norms = first.norm(dim=1) * second.norm(dim=1)
    safe = torch.where(norms > 0, norms, torch.ones_like(norms))
    return torch.where(norms > 0, (first * second).sum(1) / safe, torch.zeros_like(norms)).float()


def create_enhanced_method(
    key: str,
    classifier: Classifier,
    parameters: Mapping[str, Any] | None = None,
    enhancement_parameters: Mapping[str, Any] | None = None,
) -> SlidingWindowEnhancement:
    """The method ``key`` with the enhancement around it. Raises ParameterError or LayerError.

    >>> create_enhanced_method("grad_cam", classifier, {}, {"base_term": "once"})  # doctest: +SKIP
    """
    return SlidingWindowEnhancement(
        create_method(key, classifier, **(parameters or {})), **(enhancement_parameters or {})
    )
