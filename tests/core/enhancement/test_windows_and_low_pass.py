from __future__ import annotations

import math

import pytest
import torch

from saliency_core.enhancement.fusion import fused, resized
from saliency_core.enhancement.low_pass import kept_frequencies, low_pass
from saliency_core.enhancement.windows import window_grid
from saliency_core.errors import ParameterError


def test_the_usual_windows_cover_224_pixels_exactly() -> None:
    grid = window_grid(224, 224)
    assert len(grid) == 25
    assert grid.tops == grid.lefts == (0, 32, 64, 96, 128)
    assert grid.tops[-1] + grid.window == 224
    assert grid.corners[:6] == ((0, 0), (0, 32), (0, 64), (0, 96), (0, 128), (32, 0))


def test_coverage_by_hand() -> None:
    coverage = window_grid(224, 224).coverage()
    assert coverage[16::32, 112].tolist() == [3, 6, 9, 9, 9, 6, 3]
    assert coverage[0, 16::32].tolist() == [1, 2, 3, 3, 3, 2, 1]
    assert coverage.sum() == 230_400
    assert (coverage == 1).sum() == 4096
    assert (coverage == 9).sum() == 9216
    assert coverage.mean().item() == pytest.approx(4.592, abs=1e-3)


def test_a_flush_window_is_added_only_where_steps_miss_the_border() -> None:
    grid = window_grid(240, 224)
    assert grid.tops == (0, 32, 64, 96, 128, 144)
    assert grid.lefts == (0, 32, 64, 96, 128)
    for height, width, window, stride in ((299, 260, 96, 32), (50, 61, 20, 7), (20, 20, 20, 3)):
        assert window_grid(height, width, window, stride).coverage().min() >= 1


def test_images_smaller_than_the_window_get_smaller_windows() -> None:
    grid = window_grid(32, 40)
    assert grid.window == round(96 * 32 / 224) == 14
    assert grid.tops == (0, 5, 10, 15, 18)
    assert window_grid(32, 32, 24, 8).window == 24  # it fits, so it is taken as it is


@pytest.mark.parametrize(("window", "stride", "message"), [(96, 97, "gaps"), (225, 32, "does not fit")])
def test_impossible_windows_are_refused(window: int, stride: int, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        window_grid(224, 224, window, stride)


def test_number_of_kept_frequencies() -> None:
    kept = kept_frequencies(224, 224, 35)
    assert kept.sum() == 3853
    assert kept_frequencies(224, 224, math.nextafter(35, 0)).sum() == 3841  # with < in place of ≤
    # Symmetric about the zero frequency, therefore the filtered map is real.
    assert torch.equal(kept[1:], kept[1:].flip(0))
    assert torch.equal(kept[:, 1:], kept[:, 1:].flip(1))


def test_other_sizes_cut_the_same_wavelength() -> None:
    kept = kept_frequencies(448, 112, 35)
    assert kept[70, 0] and not kept[71, 0]
    assert kept[0, 17] and not kept[0, 18]


def wave(cycles: int, vertical: bool = False) -> torch.Tensor:
    values = torch.cos(2 * math.pi * cycles * torch.arange(224, dtype=torch.float64) / 224).float()
    return (values[:, None] if vertical else values[None]).expand(1, 224, 224)


@pytest.mark.parametrize("vertical", [False, True])
def test_35_cycles_pass_and_36_vanish(vertical: bool) -> None:
    torch.testing.assert_close(low_pass(wave(35, vertical)), wave(35, vertical), atol=1e-5, rtol=0)
    assert low_pass(wave(36, vertical)).abs().max() < 1e-6


def test_constants_stay_and_filtering_twice_is_filtering_once() -> None:
    constant = torch.full((1, 224, 224), 0.7)
    torch.testing.assert_close(low_pass(constant), constant, atol=1e-7, rtol=0)
    noise = torch.rand(2, 224, 224, generator=torch.Generator().manual_seed(0))
    once = low_pass(noise)
    torch.testing.assert_close(low_pass(once), once, atol=1e-6, rtol=0)
    assert low_pass(noise)[1].equal(low_pass(noise[1:])[0])


def test_the_filter_equals_a_literal_shifted_mask() -> None:
    """As the thesis describes it: shift the zero frequency to bin N/2, mask a disc there, shift back."""
    noise = torch.rand(1, 224, 224, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    spectrum = torch.fft.fftshift(torch.fft.fft2(noise[0]))
    for y in range(224):
        for x in range(224):
            if math.hypot(y - 112, x - 112) > 35:
                spectrum[y, x] = 0
    filtered = torch.fft.ifft2(torch.fft.ifftshift(spectrum))
    assert filtered.imag.abs().max() < 1e-12
    torch.testing.assert_close(low_pass(noise)[0], filtered.real.float(), atol=1e-6, rtol=0)


def test_fusion_vectors() -> None:
    grid = window_grid(224, 224)
    whole = torch.rand(2, 224, 224, generator=torch.Generator().manual_seed(2))
    none, ones = torch.zeros(2, 25, 96, 96), torch.ones(2, 25, 96, 96)
    weights = torch.ones(2, 25)
    coverage = grid.coverage()
    torch.testing.assert_close(fused(whole, none, weights, grid), coverage * whole)
    assert torch.equal(fused(0 * whole, ones, weights, grid)[1], coverage)
    assert torch.equal(fused(whole, none, weights, grid, "once"), whole)
    assert fused(whole, none, weights, grid, "none").abs().sum() == 0
    torch.testing.assert_close(fused(whole, none, weights, grid, "per_window", True), whole)
    torch.testing.assert_close(fused(whole, ones, 0.5 * weights, grid, "once", True), whole + 0.5)
    assert torch.equal(fused(whole, ones, 0 * weights, grid, "once"), whole)


def test_interpolation_is_plain_bilinear_unless_antialiased() -> None:
    values = torch.zeros(1, 8, 8)
    values[0, 3, 3] = 1
    assert resized(values, (2, 2)).sum() == 0  # half-pixel samples at 1.5 and 5.5 do not see pixel 3
    assert resized(values, (2, 2), antialias=True).sum() > 0
