"""From COCO's polygons to masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from saliency_core.datasets.rle import decode_rle


def polygons_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> npt.NDArray[np.bool_]:
    """bool [height, width], the union of polygons x0, y0, x1, y1, … in pixels (0 is the left or top edge).

    Drawn by pycocotools, as the COCO evaluation does, so that masks equal those that published figures rest on:
    points are edges of pixels, so (1, 1) to (4, 3) covers three columns and two rows. Drawing libraries take
    them for centres and fill the outline too; Pillow's masks of 128 COCO images are 1 % larger. Raises
    ValueError for fewer than three points, and coordinates that are not finite or lie further outside than the
    image is large.
    """
    from pycocotools import mask as coco_mask

    reach = max(height, width)
    drawable = []
    for polygon in polygons:
        points = np.asarray(polygon, np.float64)
        if points.ndim != 1 or points.size < 6 or points.size % 2:
            raise ValueError("its polygon is not a list of at least three points x, y")
        # The drawing routine follows every edge pixel by pixel, wherever it leads.
        if not np.isfinite(points).all() or points.min() < -reach or points.max() > 2 * reach:
            raise ValueError("its polygon has points far outside the image")
        drawable.append(points.tolist())
    encoded = coco_mask.merge(coco_mask.frPyObjects(drawable, height, width))
    return decode_rle(encoded["counts"], height, width)
