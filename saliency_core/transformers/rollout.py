"""Products of one matrix per block, read at the class token."""

from __future__ import annotations

from collections.abc import Iterable

from saliency_core.lazy import torch


def with_identity(matrix: torch.Tensor, *, normalised: bool) -> torch.Tensor:
    """I + matrix, of which the first n rows are given [B, n, N], for the residual connection around attention; rows
    sum to one if ``normalised``.
    """
    mixed = matrix + torch.eye(*matrix.shape[-2:], dtype=matrix.dtype, device=matrix.device)
    return mixed / mixed.sum(-1, keepdim=True) if normalised else mixed


def class_token_row(matrices: Iterable[torch.Tensor]) -> torch.Tensor:
    """First row [B, N] of the product M_last · … · M_first of matrices [B, N, N] given from the last to the first.
    Of the last the first row [B, 1, N] will do.

    Carrying the row along costs N times less than the whole product, and one matrix is needed at a time.
    """
    row: torch.Tensor | None = None
    for matrix in matrices:
        row = matrix[:, :1] if row is None else row @ matrix
    if row is None:
        raise ValueError("There are no matrices to multiply.")
    return row[:, 0]
