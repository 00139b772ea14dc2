"""A saliency map as a picture, alone or over its image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

from saliency_core.errors import ParameterError
from saliency_core.rendering.colour_maps import DEFAULT_COLOUR_MAP, coloured


def heat_map(map01: npt.ArrayLike, colour_map: str = DEFAULT_COLOUR_MAP) -> Image.Image:
    """RGB picture of a map [H, W] with values in [0, 1], one pixel per value."""
    return Image.fromarray(coloured(map01, colour_map))


def overlay(
    image: Image.Image,
    map01: npt.ArrayLike,
    opacity: float = 0.5,
    colour_map: str = DEFAULT_COLOUR_MAP,
) -> Image.Image:
    """The heat map laid over the image, in the image's size; ``opacity`` 0 shows only the image, 1 only the
    map.
    """
    if not 0 <= opacity <= 1:
        raise ParameterError(f"The opacity must lie between 0 and 1; got {opacity:g}.")
    # Values are enlarged before they are coloured: blending colours would give tones that the scale does
    # not have.
    values = Image.fromarray(np.asarray(map01, dtype=np.float32))
    enlarged = np.asarray(values.resize(image.size, Image.Resampling.BILINEAR))
    return Image.blend(image.convert("RGB"), heat_map(enlarged, colour_map), opacity)
