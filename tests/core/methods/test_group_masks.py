from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core.methods._group_masks import (
    denoised,
    group_sizes,
    grouped_sum,
    keep_masks,
    mean_after_upsampling,
    sum_of_upsampled,
    upsampling_weights,
)
from tests.core.methods.literal_cam import enlarged


@pytest.mark.parametrize("channels", [1, 6, 10, 512])
@pytest.mark.parametrize("groups", [1, 4, 7, 32, 300, 1000])
def test_groups_are_those_of_torch_and_numpy(channels: int, groups: int) -> None:
    everything = torch.arange(channels)
    assert group_sizes(channels, groups, "chunk") == [
        len(part) for part in everything.chunk(min(groups, channels))
    ]
    even = [len(part) for part in np.array_split(np.arange(channels), min(groups, channels))]
    assert group_sizes(channels, groups, "even") == even


def test_sums_of_neighbours() -> None:
    features = torch.arange(1.0, 6.0).view(1, 5, 1, 1).expand(2, 5, 2, 3)
    weights = torch.tensor([[1.0, 10.0, 100.0, 1000.0, 1.0], [1.0, 1.0, 1.0, 1.0, -1.0]])
    found = grouped_sum(features, weights, [2, 2, 1])
    assert found.shape == (2, 3, 2, 3)
    assert found[:, :, 1, 2].tolist() == [[21, 4300, 5], [3, 7, -5]]


def test_the_mean_of_upsampled_maps_without_upsampling() -> None:
    """Side 14 and 32 divide 224: plain means. The other sides of CAMERAS' sizes do not."""
    generator = torch.Generator().manual_seed(0)
    for side in (14, 20, 26, 32, 39, 45, 51, 57):
        weights = upsampling_weights(side, 224)
        assert weights.sum().item() == pytest.approx(1, abs=1e-6)
        plain = torch.allclose(weights, torch.full((side,), 1 / side).double(), rtol=1e-5)
        assert plain == (side in (14, 32))
        maps = torch.randn(1, 2, side, side, generator=generator)
        big = torch.nn.functional.interpolate(maps.double(), size=(224, 224), mode="bilinear")
        found = mean_after_upsampling(maps, (224, 224)).double()
        torch.testing.assert_close(found, big.mean((2, 3)), atol=1e-7, rtol=1e-5)
    narrow = torch.randn(1, 1, 5, 7, generator=generator)
    expected = enlarged(narrow[0].double().numpy(), 11, 9).mean()
    assert mean_after_upsampling(narrow, (11, 9)).item() == pytest.approx(expected, abs=1e-6)
    # Feature maps larger than the image: some are left out, and count nothing.
    large = torch.randn(1, 1, 9, 20, generator=generator)
    expected = enlarged(large[0].double().numpy(), 4, 4).mean()
    assert mean_after_upsampling(large, (4, 4)).item() == pytest.approx(expected, abs=1e-6)


def test_maps_of_several_sizes_are_enlarged_and_added() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 3, *side, generator=generator).double() for side in ((7, 7), (9, 5), (20, 30))]
    found = sum_of_upsampled(parts, (11, 14))
    assert found.shape == (2, 3, 11, 14)
    for image in range(2):
        expected = sum(enlarged(maps[image].numpy(), 11, 14) for maps in parts)
        np.testing.assert_allclose(found[image].numpy(), expected, atol=1e-12)


def test_the_percentile_of_1_to_100_keeps_30() -> None:
    shuffled = torch.randperm(100, generator=torch.Generator().manual_seed(1)) + 1.0
    maps = shuffled.view(1, 1, 10, 10)
    kept = denoised(maps, 70, "group")
    assert kept[kept > 0].sort().values.tolist() == list(range(71, 101))
    assert torch.equal(kept, torch.where(maps > np.percentile(shuffled.numpy(), 70), maps, 0.0))
    assert denoised(maps, 0, "group") is maps
    assert denoised(maps, 100, "group").abs().sum() == 0


def test_the_percentile_of_each_group_or_of_all_together() -> None:
    maps = torch.stack([torch.arange(1.0, 101.0), torch.arange(101.0, 201.0)]).view(1, 2, 10, 10)
    assert (denoised(maps, 70, "group") > 0).sum((2, 3)).tolist() == [[30, 30]]
    assert (denoised(maps, 70, "joint") > 0).sum((2, 3)).tolist() == [[0, 60]]


def test_values_equal_but_for_rounding_are_not_above_each_other() -> None:
    """Ten values, θ = 70: the percentile is .7 · 9 = 6.3, between the seventh and the eighth, here a pair."""
    exact = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.0, 9.0, 10.0]).double().view(1, 1, 2, 5)
    rounded = exact.clone()
    rounded[0, 0, 1, 2] = 7 + 1e-15
    for maps in (exact, rounded):
        assert denoised(maps, 70, "group").flatten().nonzero().flatten().tolist() == [8, 9]


def test_masks_of_groups_without_contrast_are_zero() -> None:
    generator = torch.Generator().manual_seed(3)
    good = torch.rand(8, 8, generator=generator)
    constant = torch.full((8, 8), 0.7) * (1 + 1e-7 * torch.randn(8, 8, generator=generator))
    plateau = torch.zeros(8, 8)
    plateau[:, 4:] = 1.0  # half of it has the largest value: nothing is above the 70th percentile
    maps = torch.stack([good, torch.zeros(8, 8), constant, plateau])[None]
    masks, useful = keep_masks(maps, denoised(maps, 70, "group"))
    assert useful.tolist() == [[True, False, False, False]]
    assert masks[:, 1:].abs().sum() == 0
    assert (masks[0, 0].min(), masks[0, 0].max()) == (0, 1)
    assert (masks[0, 0] > 0).sum() == 19  # ⌊0.3 · 64⌋
