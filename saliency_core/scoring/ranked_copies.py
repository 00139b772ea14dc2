"""Copies of images in which pixels have changed in the order of a ranking, composed batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from saliency_core.lazy import torch
from saliency_core.scoring.ranking import Curve, step_count


@dataclass(frozen=True)
class _Run:
    """Copies ``first`` to ``stop`` of a batch: neighbours on one curve of one image."""

    first: int
    stop: int
    image: int
    start: int
    end: int
    changed: int  # pixels that have changed in the first of them


class RankedCopies:
    """The copies of ``sources`` [B, S, 3, H, W] along ``curves``: per image first the bare sources that begin or end
    a curve, each once, then the inner steps of every curve.

    ``order`` int64 [B, H·W] lists each image's pixels, the first to change first. After step i of a curve, i ·
    ``step_pixels`` pixels show its end source.
    """

    def __init__(
        self, sources: torch.Tensor, order: torch.Tensor, curves: Sequence[Curve], step_pixels: int
    ) -> None:
        images, _, channels, self.height, self.width = sources.shape
        self.channels, self.step_pixels = channels, step_pixels
        self.pixels = self.height * self.width
        # Channels last, as networks are fastest with: a pixel is then one piece of memory.
        self.sources = sources.permute(0, 1, 3, 4, 2).reshape(images, -1, self.pixels, channels).contiguous()
        self.order = order.to(sources.device)
        self.ends = sorted({source for curve in curves for source in (curve.start, curve.end)})
        self.steps = step_count(self.pixels, step_pixels)
        self._plan = [(source, source, 0) for source in self.ends]
        self._plan += [
            (curve.start, curve.end, step * step_pixels) for curve in curves for step in range(1, self.steps)
        ]
        self.number = images * len(self._plan)
        self._pictures: torch.Tensor | None = None
        self._ranks: torch.Tensor | None = None

    @property
    def per_image(self) -> int:
        return len(self._plan)

    def batch(self, first: int, size: int) -> torch.Tensor:
        """Copies ``first`` … ``first + size`` as pictures [size, 3, H, W], valid until the next call; those past the
        end are left as they were.
        """
        if self._pictures is None or len(self._pictures) != size:
            self._pictures = self.sources.new_zeros(size, self.pixels, self.channels)
        compose = self._walk if self.sources.device.type == "cpu" else self._select
        for run in self._runs(first, min(first + size, self.number)):
            compose(run, self._pictures[run.first : run.stop])
        shaped = self._pictures.view(size, self.height, self.width, self.channels)
        return shaped.permute(0, 3, 1, 2)

    def _runs(self, first: int, stop: int) -> Iterator[_Run]:
        begun = first
        for number in range(first, stop):
            image, copy = divmod(number, len(self._plan))
            begun_image, begun_copy = divmod(begun, len(self._plan))
            following = number + 1
            if (
                following == stop
                or following // len(self._plan) != image
                or self._plan[copy + 1][:2] != self._plan[begun_copy][:2]
            ):
                yield _Run(begun - first, following - first, begun_image, *self._plan[begun_copy])
                begun = following

    def _walk(self, run: _Run, pictures: torch.Tensor) -> None:
        """From each copy to the next: as cheap as it gets where an operation costs little to begin."""
        end, order, changed = self.sources[run.image, run.end], self.order[run.image], run.changed
        pictures[0].copy_(self.sources[run.image, run.start])
        pictures[0].index_copy_(0, order[:changed], end[order[:changed]])
        for previous, picture in pairwise(pictures):
            moving = order[changed : changed + self.step_pixels]
            picture.copy_(previous).index_copy_(0, moving, end[moving])
            changed += self.step_pixels

    def _select(self, run: _Run, pictures: torch.Tensor) -> None:
        """All copies at once: two operations a run, whatever its length."""
        if self._ranks is None:
            positions = torch.arange(self.pixels, dtype=torch.int32, device=self.order.device)
            self._ranks = torch.empty_like(self.order, dtype=torch.int32)
            self._ranks.scatter_(1, self.order, positions.expand_as(self._ranks))
        counts = torch.arange(len(pictures), dtype=torch.int32, device=pictures.device) * self.step_pixels
        moved = self._ranks[run.image] < (counts + run.changed)[:, None]
        start, end = self.sources[run.image, run.start], self.sources[run.image, run.end]
        torch.where(moved[..., None], end, start, out=pictures)
