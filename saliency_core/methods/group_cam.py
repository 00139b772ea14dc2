"""Group-CAM."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._cam import features_and_gradients, layer_parameter, weighted_sum
from saliency_core.methods._group_masks import blur_parameters
from saliency_core.methods.base import Method, upsampled
from saliency_core.methods.registry import register
from saliency_core.scoring.canvas import blurred_canvas, shown_through
from saliency_core.scoring.masks import above_percentile, is_flat, unit_range
from saliency_core.scoring.scorer import Scorer

_PERCENTILE = 70.0


@register
class GroupCam(Method):
    """Gradient-weighted feature maps, summed in groups; each group weighted by what showing it adds to the score.

    wₖ is the spatial mean of ∂S_c/∂Aᵏ (logit), m_r = ReLU(Σ wₖAᵏ) over group r of contiguous channels, φ bilinear
    enlargement to the input, N01 stretching to [0, 1], P_c the probability and x̃ the blurred image:

    - "head": m'_r = N01(φ(m_r)), α_r = ReLU(P_c(x ⊙ m'_r + x̃ ⊙ (1 − m'_r)) − P_c(x̃)), L = Σ_r α_r φ(m_r). The
      authors' code today.
    - "theta": m_r first loses the values up to its own 70th percentile, at low resolution; α_r keeps its sign and
      the stretched maps are added: L = ReLU(Σ_r α_r m'_r). The authors' code while it had the threshold of the
      paper (commits 0b61fdd, cc85ed2).

    A group whose map is constant, such as one without any positive value, shows nothing: m'_r = 0 and α_r = 0.
    (The authors' code divides 0 by 0 there, and one such group makes the whole map NaN.)

    Channels are split like torch.chunk does: groups of ⌈K/groups⌉, which may be fewer than asked for. Extras:
    "effective_groups" is their number, "contributing_groups" how many of them have α_r ≠ 0.

    Source: Zhang et al., Group-CAM, 2021; code wofmanaf/Group-CAM at ffd807b.

    >>> method = create_method("group_cam", classifier, layer="features.35", groups=32)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="group_cam",
        title="Group-CAM",
        family="cam",
        needs=("convolutional_layer", "gradients"),
        parameters=(
            layer_parameter("Convolutional layer whose feature maps are grouped."),
            Parameter(
                name="groups",
                kind="integer",
                default=32,
                minimum=1,
                maximum=4096,
                title="Groups",
                help="Groups of neighbouring channels, each scored once. At most the number of channels.",
                source="The paper and its code",
            ),
            Parameter(
                name="variant",
                kind="choice",
                default="head",
                choices=("head", "theta"),
                title="Variant",
                help=(
                    "head: all of a group's map counts, and groups are added with their own strength. theta: only "
                    "what lies above a group's 70th percentile, and groups are added stretched to [0, 1]."
                ),
                source="The authors' code today",
            ),
            *blur_parameters("The authors' code"),
        ),
        paper=(
            "Zhang et al., Group-CAM: Group Score-Weighted Visual Explanations for Deep Convolutional Networks, "
            "2021"
        ),
        summary="Groups of gradient-weighted feature maps, weighted by what showing each adds to a blurred image.",
        cost=lambda parameters: Cost(
            forwards=2 + min(parameters["groups"], parameters.get("channels", parameters["groups"])),
            backwards=1,
        ),
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        size, theta = (images.shape[2], images.shape[3]), self.parameters["variant"] == "theta"
        blurred = blurred_canvas(images, self.parameters["blur_kernel"], self.parameters["blur_sigma"])
        groups = self._group_maps(images, targets)
        if theta:
            groups = above_percentile(groups, _PERCENTILE)
        count = groups.shape[1]
        shown = ~is_flat(groups)
        # The blurred image alone is one more job of each image, "group" number ``count``, whose map is 0.
        with_nothing = torch.cat([groups, torch.zeros_like(groups[:, :1])], 1)
        jobs_of = torch.cat([shown, torch.ones_like(shown[:, :1])], 1)
        image, group = jobs_of.nonzero(as_tuple=True)

        def compose(jobs: torch.Tensor) -> torch.Tensor:
            chosen, number = image[jobs], group[jobs]
            masks = unit_range(upsampled(with_nothing[chosen, number], size))
            return shown_through(masks, images, blurred, chosen)

        scorer = Scorer.for_copies(self.classifier, count + 1)
        scores = scorer.score_composed(len(image), compose, targets[image])
        table = torch.zeros(len(images), count + 1, device=images.device)
        table[image, group] = scores.to(images.device)
        gains = torch.where(shown, table[:, :count] - table[:, count:], torch.zeros_like(table[:, :count]))
        if not theta:
            gains = gains.relu()
        extras = {
            "effective_groups": torch.full((len(images),), float(count), device=images.device),
            "contributing_groups": gains.ne(0).sum(1).float(),
        }
        if not theta:
            return upsampled(weighted_sum(groups, gains), size), extras
        # Stretched after enlarging, so that the sum cannot be taken at low resolution; a group at a time.
        maps = torch.zeros(len(images), *size, device=images.device)
        for number in range(count):
            maps = maps + gains[:, number, None, None] * unit_range(upsampled(groups[:, number], size))
        return maps.relu(), extras

    def _group_maps(self, images: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """m_r [B, R, h, w] of all groups, before any threshold."""
        features, gradients, _ = features_and_gradients(
            self.classifier, self.parameters["layer"], images, targets
        )
        weights = gradients.mean((2, 3))
        parts = zip(
            features.chunk(self.parameters["groups"], 1),
            weights.chunk(self.parameters["groups"], 1),
            strict=True,
        )
        return torch.stack([weighted_sum(*part) for part in parts], 1).relu()
