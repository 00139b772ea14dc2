"""The parameters of MSG-CAM and their presets; MsgCam's docstring says which open question each answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saliency_core.descriptions import Parameter
from saliency_core.methods._cam import layer_parameter
from saliency_core.methods._group_masks import GROUPINGS, PERCENTILE_SCOPES, blur_parameters
from saliency_core.methods._multi_scale import (
    INTERPOLATIONS,
    class_filter_parameter,
    literal_resolutions,
    resolutions_parameter,
)
from saliency_core.scoring.scorer import OUTPUTS

COMBINATIONS = ("raw", "denoised", "normalised")

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "standard": {"resolutions": literal_resolutions(224, 400, 4)},
    "cameras8": {"resolutions": literal_resolutions(224, 800, 8)},
    "thesis_text": {"resolutions": [224, 334, 434, 534]},
}

PARAMETERS: tuple[Parameter, ...] = (
    layer_parameter(),
    resolutions_parameter(
        literal_resolutions(224, 400, 4), "The example of CAMERAS' authors; the thesis names no sizes"
    ),
    Parameter(
        name="interpolation",
        kind="choice",
        default="bilinear",
        choices=INTERPOLATIONS,
        title="Enlarging the image",
        help="How the image is enlarged. Feature maps are always enlarged linearly.",
        source="Thesis, section 3.3.1",
    ),
    class_filter_parameter("Thesis, equation 3-3; its filter fits the predicted class only"),
    Parameter(
        name="groups",
        kind="integer",
        default=32,
        minimum=1,
        maximum=4096,
        title="Groups",
        help="Into how many groups of neighbouring channels the feature maps are put; at most one a channel.",
        source="Thesis, section 3.4.2",
    ),
    Parameter(
        name="grouping",
        kind="choice",
        default="chunk",
        choices=GROUPINGS,
        title="Uneven groups",
        help=(
            "If the channels cannot be shared out evenly. chunk: the last group is smaller, and there may be fewer "
            "groups. even: the sizes of the groups differ by one."
        ),
        source="As in Group-CAM",
    ),
    Parameter(
        name="theta",
        kind="number",
        default=70.0,
        minimum=0.0,
        maximum=100.0,
        title="Denoising percentile",
        help="Only what is above this percentile of a group's map goes into its mask; 0: all of it.",
        source="Thesis, section 3.4.2",
    ),
    Parameter(
        name="percentile_scope",
        kind="choice",
        default="group",
        choices=PERCENTILE_SCOPES,
        title="Percentile of",
        help="group: the percentile of each group's map by itself. joint: of all groups' maps together.",
        source="Thesis, equation 3-8",
    ),
    Parameter(
        name="combine",
        kind="choice",
        default="raw",
        choices=COMBINATIONS,
        title="Maps added up",
        help=(
            "raw: the groups' maps. denoised: only what is above the percentile. normalised: the masks, so that "
            "strong groups do not outweigh the others."
        ),
        source="Thesis, equation 3-12",
    ),
    Parameter(
        name="alpha_score",
        kind="choice",
        default="probability",
        choices=OUTPUTS,
        title="Score of masked images",
        help="What a group's weight is the difference of: the class's probability, or its score before softmax.",
        source="Thesis, section 3.3.3",
    ),
    Parameter(
        name="rectify_alpha",
        kind="boolean",
        default=False,
        title="No negative weights",
        help="Leaves out groups whose masked image scores lower than the blurred image.",
        source="Thesis, equation 3-11",
    ),
    *blur_parameters("Thesis, section 3.3.3, after Group-CAM"),
)
