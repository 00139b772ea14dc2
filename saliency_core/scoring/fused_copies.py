"""A batch of ranked copies in one compiled operation, where run by run takes a dozen of small ones."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

from saliency_core.lazy import torch

log = logging.getLogger(__name__)

Composer = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor"], "torch.Tensor"]


def compose(sources: torch.Tensor, ranks: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Copies [N, P, C] of ``sources`` [B, S, P, C]: row (image, start, end, changed) of ``rows`` int64 [4, N] shows the
    image's end source where its ``ranks`` int32 [B, P] are below ``changed``, its start source elsewhere.

    Compiled, neither the gathered sources nor the comparison exist as tensors.
    """
    image, start, end, changed = rows
    moved = ranks[image] < changed[:, None]
    return torch.where(moved[..., None], sources[image, end], sources[image, start])


def fused_copies(sources: torch.Tensor, ranks: torch.Tensor, rows: torch.Tensor) -> torch.Tensor | None:
    """``compose``, compiled; None where that can't be done."""
    composer = _compiled()
    if composer.usable:
        try:
            return composer(sources, ranks, rows)
        except Exception as problem:
            if isinstance(problem, torch.OutOfMemoryError):
                raise
            # What a compiler can't do comes as any kind of exception.
            log.warning("Copies are composed uncompiled: %s: %s", type(problem).__name__, str(problem)[:500])
            composer.usable = False
    return None


class _Compiled:
    def __init__(self) -> None:
        self.usable = True
        self._run: Composer = torch.compile(compose)

    def __call__(self, sources: torch.Tensor, ranks: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return self._run(sources, ranks, rows)


@cache
def _compiled() -> _Compiled:
    return _Compiled()
