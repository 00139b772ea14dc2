"""Copies along a ranking, against the definition written out."""

from __future__ import annotations

import pytest
import torch

from saliency_core.scoring import ranked_copies
from saliency_core.scoring.fused_copies import compose
from saliency_core.scoring.ranked_copies import RankedCopies
from saliency_core.scoring.ranking import Curve

INSERTION, DELETION = Curve(start=1, end=0), Curve(start=0, end=2)


def literal(
    sources: torch.Tensor, order: torch.Tensor, curves: list[Curve], step_pixels: int
) -> torch.Tensor:
    """Every copy by itself: the start source, then pixel after pixel of the order taken from the end source."""
    height, width = sources.shape[-2:]
    copies = []
    for image in range(len(sources)):
        ends = sorted({source for curve in curves for source in (curve.start, curve.end)})
        copies += [sources[image, source] for source in ends]
        for curve in curves:
            for changed in range(step_pixels, height * width, step_pixels):
                copy = sources[image, curve.start].clone()
                for pixel in order[image, :changed].tolist():
                    copy[:, pixel // width, pixel % width] = sources[
                        image, curve.end, :, pixel // width, pixel % width
                    ]
                copies.append(copy)
    return torch.stack(copies)


# How much of a picture may be exchanged pixel by pixel: nothing, so that all is copied; a little; everything.
@pytest.mark.parametrize(
    ("compose", "planar", "share"),
    [
        ("_walk", False, 0.1),
        ("_walk", True, 0.1),
        ("_walk", True, -1),
        ("_walk", True, 1),
        ("_select", False, 0.1),
    ],
)
@pytest.mark.parametrize("batch", [1, 2, 3, 5, 64])
def test_every_copy_is_as_defined(
    compose: str, planar: bool, share: float, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranked_copies, "COPY_SHARE", share)
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(3, 3, 3, 4, 5, generator=generator)
    order = torch.stack([torch.randperm(20, generator=generator) for _ in range(3)])
    # The last step of each curve moves 2 pixels.
    copies = RankedCopies(sources, order, [INSERTION, DELETION], 3, planar=planar)
    monkeypatch.setattr(copies, "_walk", getattr(copies, compose))
    expected = literal(sources, order, [INSERTION, DELETION], 3)
    assert (copies.per_image, copies.number) == (3 + 2 * 6, 45)
    for first in range(0, 45, batch):
        pictures = copies.batch(first, batch)
        assert pictures.shape == (batch, 3, 4, 5)
        assert pictures.is_contiguous() == planar
        count = min(batch, 45 - first)
        assert torch.equal(pictures[:count], expected[first : first + count])


@pytest.mark.parametrize("batch", [2, 3])
def test_a_batch_stays_as_it_is_while_the_other_buffers_are_filled(batch: int) -> None:
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(2, 3, 3, 4, 5, generator=generator)
    order = torch.stack([torch.randperm(20, generator=generator) for _ in range(2)])
    copies = RankedCopies(sources, order, [INSERTION, DELETION], 3, planar=True, buffers=2)
    expected = literal(sources, order, [INSERTION, DELETION], 3)
    before: torch.Tensor | None = None
    for first in range(0, 30, batch):
        pictures = copies.batch(first, batch)
        assert torch.equal(pictures, expected[first : first + batch])
        if before is not None:
            assert torch.equal(before, expected[first - batch : first])
        before = pictures


def test_fused_copies_are_as_defined_compiled_or_not() -> None:
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn(3, 3, 3, 4, 5, generator=generator).bfloat16()
    order = torch.stack([torch.randperm(20, generator=generator) for _ in range(3)])
    copies = RankedCopies(sources, order, [INSERTION, DELETION], 3)
    expected = literal(sources, order, [INSERTION, DELETION], 3)
    # Without its code generator, which takes long: the tracing, and that nothing breaks it up.
    compiled = torch.compile(compose, fullgraph=True, backend="aot_eager")
    assert copies._rows[:, [0, 1, 3, 18, 44]].tolist() == [
        [0, 0, 0, 1, 2],
        [0, 1, 1, 1, 0],
        [0, 1, 0, 0, 2],
        [0, 0, 3, 3, 18],
    ]
    with torch.inference_mode():
        for composer in (compose, compiled):
            pictures = composer(copies.sources, copies._ranks, copies._rows)
            assert pictures.is_contiguous()
            assert torch.equal(pictures.view(45, 4, 5, 3).permute(0, 3, 1, 2), expected)


def test_pictures_are_channels_last_and_one_buffer_serves_all_batches() -> None:
    copies = RankedCopies(torch.randn(1, 3, 3, 4, 4), torch.arange(16)[None], [INSERTION], 4)
    first = copies.batch(0, 2)
    assert first.is_contiguous(memory_format=torch.channels_last)
    assert copies.batch(2, 2).data_ptr() == first.data_ptr()
