"""Removed pixels filled in, compared with a dense solution of the system written down pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saliency_core.scoring.imputation import _Grid, imputed


def literally_imputed(image: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """[3, H, W] in double precision: one equation per removed pixel, solved densely."""
    height, width = removed.shape
    places = [(y, x) for y in range(height) for x in range(width) if removed[y, x]]
    matrix, right = np.zeros((len(places), len(places))), np.zeros((len(places), 3))
    number = {place: position for position, place in enumerate(places)}
    for (y, x), row in number.items():
        for step_y in (-1, 0, 1):
            for step_x in (-1, 0, 1):
                neighbour = (y + step_y, x + step_x)
                inside = 0 <= neighbour[0] < height and 0 <= neighbour[1] < width
                if (step_y, step_x) == (0, 0) or not inside:
                    continue
                weight = 1 / 12 if step_y and step_x else 1 / 6
                matrix[row, row] += weight
                if neighbour in number:
                    matrix[row, number[neighbour]] -= weight
                else:
                    right[row] += weight * image[:, neighbour[0], neighbour[1]]
    result = image.astype(np.float64).copy()
    if places:
        result[:, removed] = np.linalg.solve(matrix, right).T
    return result


def random_image(height: int, width: int) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(7))


def test_one_pixel_by_hand() -> None:
    image = torch.zeros(3, 8, 8)
    image[0, 4, 3] = 12  # beside the removed pixel
    image[1, 3, 3] = 12  # diagonally above it
    image[2, 0, 1] = 10  # beside the corner, which has weights 1/6, 1/6 and 1/12 only
    removed = torch.zeros(2, 8, 8, dtype=torch.bool)
    removed[0, 4, 4] = removed[1, 0, 0] = True
    filled = imputed(image, removed)
    torch.testing.assert_close(filled[0, :, 4, 4], torch.tensor([2.0, 1.0, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(filled[1, :, 0, 0], torch.tensor([0.0, 0.0, 4.0]), atol=1e-4, rtol=0)
    for copy, mask in zip(filled, removed, strict=True):
        assert torch.equal(copy[:, ~mask], image[:, ~mask])


@pytest.mark.parametrize(("height", "width"), [(12, 12), (7, 5), (31, 18)])
def test_equals_a_dense_solution(height: int, width: int) -> None:
    image = random_image(height, width)
    order = torch.rand(height, width, generator=torch.Generator().manual_seed(2))
    rows = torch.arange(height)[:, None].expand(height, width)
    removed = torch.stack(
        [
            order < 0.1,
            order < 0.5,
            order < 0.9,
            rows < height - 1,  # one large hole, one row left
            torch.arange(height * width).view(height, width) > 0,  # all but one corner
            torch.zeros(height, width, dtype=torch.bool),
        ]
    )
    filled = imputed(image, removed)
    for copy, mask in zip(filled, removed, strict=True):
        expected = literally_imputed(image.numpy(), mask.numpy())
        np.testing.assert_allclose(copy.numpy(), expected, atol=2e-4)


def test_large_holes_of_a_photograph_sized_image() -> None:
    """The equations hold: every filled-in pixel is the weighted mean of its neighbours."""
    image = torch.nn.functional.interpolate(random_image(9, 9)[None], size=(224, 224), mode="bicubic")[0]
    rows, columns = torch.meshgrid(torch.arange(224.0), torch.arange(224.0), indexing="ij")
    distance = (rows - 90) ** 2 + (columns - 120) ** 2
    removed = torch.stack([distance < 80**2, distance > 40**2, (rows + columns) % 2 == 0])
    filled = imputed(image, removed).double()
    padded = torch.nn.functional.pad(torch.ones(1, 224, 224, dtype=torch.float64), (1, 1, 1, 1))
    kernel = torch.tensor([[1.0, 2, 1], [2, 0, 2], [1, 2, 1]], dtype=torch.float64)[None, None] / 12
    weights = torch.nn.functional.conv2d(padded[None], kernel)
    sums = torch.nn.functional.conv2d(filled.flatten(0, 1)[:, None], kernel, padding=1).view_as(filled)
    error = (filled - sums / weights)[removed[:, None].expand_as(filled)].abs().max()
    assert error < 2e-4
    low, high = image.amin(), image.amax()
    assert filled.min() > low - 1e-3
    assert filled.max() < high + 1e-3


def test_blocks_are_the_system_of_pixels_that_move_together() -> None:
    """Pᵀ A P on every level, so that the number of iterations does not grow with the holes."""
    unknown = (torch.rand(3, 1, 32, 48, generator=torch.Generator().manual_seed(4)) < 0.8).float()
    grid: _Grid | None = _Grid.finest(unknown, 0.3 * unknown)
    levels = 0
    while grid is not None and grid.coarser is not None:
        coarse = grid.coarser
        values = torch.randn(3, 2, *coarse.leak.shape[-2:], generator=torch.Generator().manual_seed(levels))
        moved = grid.apply(values.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
        sums = moved.unfold(2, 2, 2).unfold(3, 2, 2).sum((4, 5))
        torch.testing.assert_close(coarse.apply(values), sums, atol=1e-4, rtol=1e-4)
        grid, levels = coarse, levels + 1
    assert levels == 3  # 48 → 24 → 12 → 6


def test_normalising_before_or_after_is_the_same() -> None:
    image = random_image(12, 12)
    removed = torch.rand(2, 12, 12, generator=torch.Generator().manual_seed(3)) < 0.6
    scaled = imputed((image - 0.45) / 0.22, removed)
    torch.testing.assert_close(scaled * 0.22 + 0.45, imputed(image, removed), atol=2e-4, rtol=0)


def test_masks_do_not_influence_one_another() -> None:
    image = random_image(24, 24)
    removed = torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(3)) < 0.7
    together = imputed(image, removed)
    for copy, mask in zip(together, removed, strict=True):
        torch.testing.assert_close(copy, imputed(image, mask[None])[0], atol=2e-4, rtol=0)


def test_a_constant_image_stays_constant() -> None:
    removed = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(3)) < 0.8
    torch.testing.assert_close(
        imputed(torch.full((3, 16, 16), 0.3), removed)[0], torch.full((3, 16, 16), 0.3)
    )
