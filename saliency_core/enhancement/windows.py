"""Where the windows of the sliding-window enhancement lie."""

from __future__ import annotations

from dataclasses import dataclass

from saliency_core.errors import ParameterError
from saliency_core.lazy import torch

USUAL_SIZE = 224  # pixels of a side: the size that the usual window, stride and cut-off belong to


@dataclass(frozen=True)
class WindowGrid:
    """Square windows on an image of ``height`` × ``width`` pixels.

    ``tops`` and ``lefts`` are the first rows and columns; every pair of them is one window with a side of
    ``window`` pixels. Windows are numbered row by row.
    """

    height: int
    width: int
    window: int
    tops: tuple[int, ...]
    lefts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tops) * len(self.lefts)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """(top, left) of every window, row by row."""
        return tuple((top, left) for top in self.tops for left in self.lefts)

    def coverage(self) -> torch.Tensor:
        """By how many windows each pixel is covered: float32 [H, W]."""
        rows, columns = torch.zeros(self.height), torch.zeros(self.width)
        for top in self.tops:
            rows[top : top + self.window] += 1
        for left in self.lefts:
            columns[left : left + self.window] += 1
        return rows[:, None] * columns


def window_grid(height: int, width: int, window: int = 96, stride: int = 32) -> WindowGrid:
    """The windows ψ(I, (0, 0), window, window, stride) inside an image: to the right and down in steps of
    ``stride`` pixels.

    Where the steps do not end exactly at the border, one more window lies flush with it, so that every
    pixel is covered. An image smaller than the window gets a window and a stride that are as much smaller
    as its shorter side is than 224 pixels. Raises ParameterError if the stride leaves gaps between windows
    or the window still does not fit.

    Source: thesis, equations 4-1 and 4-2.

    >>> len(window_grid(224, 224)), window_grid(224, 224).tops
    (25, (0, 32, 64, 96, 128))
    """
    shorter = min(height, width)
    if window > shorter:
        window, stride = (max(1, round(value * shorter / USUAL_SIZE)) for value in (window, stride))
    if window > shorter:
        raise ParameterError(
            f"A window of {window} pixels does not fit into an image of {height} × {width} pixels."
        )
    if stride > window:
        raise ParameterError(
            f"A stride of {stride} pixels leaves gaps between windows of {window} pixels; use at most {window}."
        )
    return WindowGrid(height, width, window, _starts(height, window, stride), _starts(width, window, stride))


def _starts(length: int, window: int, stride: int) -> tuple[int, ...]:
    last = length - window
    starts = list(range(0, last + 1, stride))
    return tuple(starts if starts[-1] == last else [*starts, last])
