"""Copies of images in which pixels have changed in the order of a ranking, composed batch by batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from saliency_core.lazy import torch
from saliency_core.scoring.fused_copies import fused_copies
from saliency_core.scoring.ranking import Curve, step_count

COPY_SHARE = 0.1
"""Copying a whole picture takes a processor about as long as exchanging this share of its pixels one by one."""


@dataclass(frozen=True)
class _Run:
    """Copies ``first`` to ``stop`` of a batch: neighbours on one curve of one image."""

    first: int
    stop: int
    image: int
    start: int
    end: int
    changed: int  # pixels that have changed in the first of them


# (image, start, end) of the curve that a picture is on, and how many pixels have changed.
_Shown = tuple[tuple[int, int, int] | None, int]


class _Buffer:
    """A batch of pictures, and what each of them shows."""

    pictures: torch.Tensor
    shown: list[_Shown]

    def __init__(self) -> None:
        self.shown = []


class RankedCopies:
    """The copies of ``sources`` [B, S, 3, H, W] along ``curves``: per image first the bare sources that begin or end
    a curve, each once, then the inner steps of every curve.

    ``order`` int64 [B, H·W] lists each image's pixels, the first to change first. After step i of a curve, i ·
    ``step_pixels`` pixels show its end source. ``fused``: a batch is composed by one compiled operation on a GPU, where
    that can be compiled. ``planar``, on a processor only: pictures are contiguous, not channels last. ``buffers``: in
    how many tensors in turn batches are composed; each stays as it is until as many more have been.
    """

    def __init__(
        self,
        sources: torch.Tensor,
        order: torch.Tensor,
        curves: Sequence[Curve],
        step_pixels: int,
        *,
        fused: bool = False,
        planar: bool = False,
        buffers: int = 1,
    ) -> None:
        images, _, channels, self.height, self.width = sources.shape
        self.channels, self.step_pixels = channels, step_pixels
        self.pixels = self.height * self.width
        self._planar = planar and sources.device.type == "cpu"
        # [B, S, 3, pixels]; or [B, S, pixels, 3], as torch's networks are fastest with: a pixel is then one piece of
        # memory.
        self.sources = sources.flatten(3) if self._planar else sources.flatten(3).transpose(2, 3)
        self.sources = self.sources.contiguous()
        self.order = order.to(sources.device)
        self.ends = sorted({source for curve in curves for source in (curve.start, curve.end)})
        self.steps = step_count(self.pixels, step_pixels)
        self._plan = [(source, source, 0) for source in self.ends]
        self._plan += [
            (curve.start, curve.end, step * step_pixels) for curve in curves for step in range(1, self.steps)
        ]
        self.number = images * len(self._plan)
        self._fused = fused and sources.device.type == "cuda"
        self._buffers = deque(_Buffer() for _ in range(buffers))

    @property
    def per_image(self) -> int:
        return len(self._plan)

    def batch(self, first: int, size: int) -> torch.Tensor:
        """Copies ``first`` … ``first + size`` as pictures [size, 3, H, W], valid until ``buffers`` more calls; those
        past the end are left as they were.
        """
        pictures = self._fuse(first, size) if self._fused else None
        if pictures is None:
            pictures = self._run_by_run(first, size)
        if self._planar:
            return pictures.view(size, self.channels, self.height, self.width)
        shaped = pictures.view(size, self.height, self.width, self.channels)
        return shaped.permute(0, 3, 1, 2)

    def _fuse(self, first: int, size: int) -> torch.Tensor | None:
        jobs = torch.arange(first, first + size, device=self.sources.device).clamp_(max=self.number - 1)
        return fused_copies(self.sources, self._ranks, self._rows[:, jobs])

    @cached_property
    def _rows(self) -> torch.Tensor:
        """Of every copy: its image, its start, its end and how many pixels have changed; int64 [4, number]."""
        device = self.sources.device
        images = torch.arange(len(self.sources), device=device).repeat_interleave(self.per_image)
        plan = torch.tensor(self._plan, device=device).T.repeat(1, len(self.sources))
        return torch.cat([images[None], plan])

    @cached_property
    def _ranks(self) -> torch.Tensor:
        """When each pixel of an image changes, int32 [B, H·W]: 0 is the first to."""
        ranks = torch.empty_like(self.order, dtype=torch.int32)
        positions = torch.arange(self.pixels, dtype=torch.int32, device=self.order.device)
        return ranks.scatter_(1, self.order, positions.expand_as(ranks))

    def _run_by_run(self, first: int, size: int) -> torch.Tensor:
        buffer = self._buffers[0]
        self._buffers.rotate(-1)
        if len(buffer.shown) != size:
            buffer.pictures = self.sources.new_zeros(size, *self.sources.shape[2:])
            buffer.shown = [(None, 0)] * size
        compose = self._walk if self.sources.device.type == "cpu" else self._select
        for run in self._runs(first, min(first + size, self.number)):
            compose(run, buffer)
        return buffer.pictures

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

    def _walk(self, run: _Run, buffer: _Buffer) -> None:
        """From copy to copy, whatever is cheaper: on from what the picture shows since the buffer's last batch, or from
        the picture before it.
        """
        pictures = buffer.pictures
        curve, changed, pixel = (run.image, run.start, run.end), run.changed, 1 if self._planar else 0
        end, order = self.sources[run.image, run.end], self.order[run.image]
        for number in range(run.first, run.stop):
            picture, begun = pictures[number], self._begun(buffer.shown[number], curve, changed)
            if begun is None:
                source = pictures[number - 1] if number > run.first else self.sources[run.image, run.start]
                begun = changed - self.step_pixels if number > run.first else 0
                picture.copy_(source)
            moving = order[begun:changed]
            picture.index_copy_(pixel, moving, end.index_select(pixel, moving))
            buffer.shown[number] = curve, changed
            changed += self.step_pixels

    def _begun(self, shown: _Shown, curve: tuple[int, int, int], changed: int) -> int | None:
        """How many pixels have changed in a picture that shows this, if it is cheapest to go on from there."""
        shown_curve, already = shown
        worth_copying = COPY_SHARE * self.pixels + self.step_pixels
        return already if shown_curve == curve and 0 <= changed - already <= worth_copying else None

    def _select(self, run: _Run, buffer: _Buffer) -> None:
        """All copies at once: two operations a run, whatever its length."""
        pictures = buffer.pictures[run.first : run.stop]
        counts = torch.arange(len(pictures), dtype=torch.int32, device=pictures.device) * self.step_pixels
        moved = self._ranks[run.image] < (counts + run.changed)[:, None]
        start, end = self.sources[run.image, run.start], self.sources[run.image, run.end]
        torch.where(moved[..., None], end, start, out=pictures)
