"""Perceptually uniform colour maps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saliency_core.errors import ParameterError

COLOUR_MAPS: tuple[str, ...] = ("inferno", "viridis", "magma", "turbo", "gray")
DEFAULT_COLOUR_MAP = "inferno"


def coloured(values: npt.ArrayLike, colour_map: str = DEFAULT_COLOUR_MAP) -> npt.NDArray[np.uint8]:
    """RGB uint8 [H, W, 3] of values [H, W] in [0, 1] (clipped). Raises ParameterError for an unknown map."""
    if colour_map not in COLOUR_MAPS:
        raise ParameterError(f"The colour map must be one of {', '.join(COLOUR_MAPS)}; got {colour_map!r}.")
    from matplotlib import colormaps

    clipped = np.clip(np.asarray(values, dtype=np.float64), 0, 1)
    colours: npt.NDArray[np.uint8] = colormaps[colour_map](clipped, bytes=True)[..., :3]
    return colours
