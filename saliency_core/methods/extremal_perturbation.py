"""Extremal Perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import torch
from saliency_core.methods._mask_optimisation import gaussian_blur, in_groups, scaled, selected_logits
from saliency_core.methods._smooth_masks import smooth_masks
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register

_LEVELS = 8  # of the blur pyramid
_RATE, _MOMENTUM = 0.01, 0.9
_AREA_WEIGHT, _AREA_GROWTH = 300.0, 1.0035
_EQUAL = 1e-4  # masks' values that count as equal


@register
class ExtremalPerturbation(Method):
    """argmax_m S_c(m ⊗ x) over smooth masks m that cover a given area a; the map is the mean over areas.

    m ⊗ x shows the image where m is 1, its perturbed version where m is 0, and something between where m is
    between. S_c is the logit. The area is held by the penalty λ mean (sort(m) − r_a)², where r_a is a step
    from 0 to 1 with the share a of ones: it vanishes for binary masks of that area only. λ starts at 300
    and grows by 0.35 % a step. Masks are m = smax(k * p) of _smooth_masks; p starts at ones and climbs the
    gradient with momentum 0.9, rate 0.01, kept in [0, 1]. Every other step sees the picture mirrored.

    Game "delete" hides what the mask covers and makes S_c small; "dual" does both at once. Nothing is
    random. Lengths are in pixels of a 224-pixel image and scale with the image.

    Extras, means over the areas: ``area_deviation``, |mean of the mask − a|, and ``masked_logit``, S_c with
    the mask applied.

    Source: Fong et al., ICCV 2019, equations 2 to 6; constants from the authors' code (TorchRay). Two things
    differ from that code, in which borders and the order of equal values decide where a mask begins to
    shrink: masks are divided by what all ones give, and equal values share their reference in the penalty.

    >>> method = create_method("extremal_perturbation", classifier, areas="5,10,20")  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="extremal_perturbation",
        title="Extremal Perturbation",
        family="perturbation",
        needs=("gradients",),
        parameters=(
            Parameter(
                name="areas",
                kind="integers",
                default=(10,),
                minimum=1,
                maximum=99,
                title="Areas",
                unit="percent of the image",
                help="Areas of the masks. Several give a map with more levels, at a cost in proportion.",
                source="TorchRay: 10 %; its pointing game 2.5, 5, 10 and 20 %",
            ),
            Parameter(
                name="iterations",
                kind="integer",
                default=800,
                minimum=1,
                maximum=10_000,
                title="Iterations",
                help="Steps of the search. With fewer than about 400 the mask stays soft or misses its area.",
                source="TorchRay",
            ),
            Parameter(
                name="game",
                kind="choice",
                default="preserve",
                choices=("preserve", "delete", "dual"),
                title="Game",
                help=(
                    "preserve: what shows makes the score large. delete: what is hidden makes it small. dual: both; "
                    "takes two passes a step."
                ),
                source="Fong et al. 2019, equation 2",
            ),
            Parameter(
                name="perturbation",
                kind="choice",
                default="blur_pyramid",
                choices=("blur_pyramid", "blur", "fade"),
                title="Perturbation",
                help=(
                    "blur_pyramid: the lower the mask, the more is the image blurred, in eight levels. blur: the "
                    "strongest blur shows through. fade: the mean colour of the training data shows through."
                ),
                source="Fong et al. 2019, section 3.2",
            ),
            Parameter(
                name="blur",
                kind="number",
                default=20.0,
                minimum=1,
                maximum=100,
                title="Strongest blur",
                unit="px of 224",
                help="Standard deviation of the blur where the mask is 0.",
                source="TorchRay",
            ),
            Parameter(
                name="step",
                kind="number",
                default=7.0,
                minimum=2,
                maximum=64,
                title="Step",
                unit="px of 224",
                help="Distance of the points that the mask is made from.",
                source="TorchRay",
            ),
            Parameter(
                name="sigma",
                kind="number",
                default=21.0,
                minimum=2,
                maximum=100,
                title="Smoothness",
                unit="px of 224",
                help="Radius of the soft discs that the mask is made from.",
                source="TorchRay",
            ),
        ),
        paper=(
            "Fong, Patrick and Vedaldi, Understanding Deep Networks via Extremal Perturbations and Smooth Masks, "
            "ICCV 2019"
        ),
        summary="Searches for the smooth mask of a given area with which the class score is largest.",
        cost=lambda parameters: Cost(
            forwards=_passes(parameters) + len(parameters["areas"]), backwards=_passes(parameters)
        ),
        quick={"iterations": 60, "areas": (20,)},
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return in_groups(self.classifier, images, targets, self._searched)

    def _searched(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        values, (height, width) = self.parameters, images.shape[2:]
        family = smooth_masks(
            height,
            width,
            scaled(values["step"], height, width),
            scaled(values["sigma"], height, width),
            images.device,
        )
        levels = self._levels(images)
        areas = images.new_tensor(values["areas"]) / 100
        count = len(areas)
        owners = torch.arange(len(images), device=images.device).repeat_interleave(count)
        classes, wanted = targets[owners], areas.repeat(len(images))

        points = torch.ones(len(owners), *family.grid, device=images.device)
        velocity: torch.Tensor | None = None
        weight = _AREA_WEIGHT
        for iteration in range(values["iterations"]):
            points.requires_grad_(True)
            with torch.enable_grad():
                coarse = family.coarse(points)
                masks = family.full(coarse)
                reward = self._reward(levels, owners, masks, classes, mirrored=iteration % 2 == 0)
                energy = (reward - weight * area_penalty(coarse, wanted)).sum()
            (gradient,) = torch.autograd.grad(energy, points)
            velocity = gradient if velocity is None else _MOMENTUM * velocity + (1 - _MOMENTUM) * gradient
            points = (points.detach() + _RATE * velocity).clamp(0, 1)
            weight *= _AREA_GROWTH
        with torch.no_grad():
            masks = family.full(family.coarse(points))
            shown = self._shown(levels, owners, 1 - masks if values["game"] == "delete" else masks)
            logits = selected_logits(self.classifier, shown, classes)
        masks = masks.view(len(images), count, height, width)
        deviation = (masks.mean((2, 3)) - areas).abs().mean(1)
        extras = {"area_deviation": deviation, "masked_logit": logits.view(len(images), count).mean(1)}
        return masks.mean(1), extras

    def _reward(
        self,
        levels: torch.Tensor,
        owners: torch.Tensor,
        masks: torch.Tensor,
        classes: torch.Tensor,
        mirrored: bool,
    ) -> torch.Tensor:
        """What the game gives for each mask, [N]."""
        game = self.parameters["game"]
        kept = [] if game == "delete" else [self._shown(levels, owners, masks)]
        hidden = [] if game == "preserve" else [self._shown(levels, owners, 1 - masks)]
        pictures = torch.cat(kept + hidden)
        logits = selected_logits(
            self.classifier,
            pictures.flip(3) if mirrored else pictures,
            classes.repeat(len(kept) + len(hidden)),
        )
        if game == "dual":
            return logits[: len(masks)] - logits[len(masks) :]
        return logits if game == "preserve" else -logits

    def _levels(self, images: torch.Tensor) -> torch.Tensor:
        """The image from fully perturbed to untouched, [B, levels, 3, H, W]."""
        if self.parameters["perturbation"] == "fade":
            return torch.stack([torch.zeros_like(images), images], 1)
        strongest = scaled(self.parameters["blur"], images.shape[2], images.shape[3])
        count = _LEVELS if self.parameters["perturbation"] == "blur_pyramid" else 2
        return torch.stack(
            [gaussian_blur(images, strongest * (1 - level / (count - 1))) for level in range(count)], 1
        )

    @staticmethod
    def _shown(levels: torch.Tensor, owners: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        """m ⊗ x, [N, 3, H, W]: linear interpolation between the levels at the height of the mask."""
        place = masks[:, None, None] * (levels.shape[1] - 1)
        lower = place.detach().floor().clamp(0, levels.shape[1] - 2)
        share = (place - lower)[:, 0]
        index = lower.long().expand(-1, 1, *levels.shape[2:])
        stacks = levels[owners]
        below, above = stacks.gather(1, index)[:, 0], stacks.gather(1, index + 1)[:, 0]
        return below + share * (above - below)


def area_penalty(masks: torch.Tensor, areas: torch.Tensor) -> torch.Tensor:
    """mean (sort(m) − r_a)² of masks [N, h, w] and areas [N] in [0, 1]: 0 for a binary mask of that area.

    Values that are equal (to 1e-4) share the mean of their references. Otherwise the sort's order of equal
    values, which means nothing, would decide where the mask goes: at the start all are equal.
    """
    ordered = masks.flatten(1).sort(1).values
    place = torch.arange(ordered.shape[1], device=masks.device)
    reference = (place >= (ordered.shape[1] * (1 - areas)).floor()[:, None]).to(ordered.dtype)
    rounded = (ordered.detach() / _EQUAL).round()
    group = (rounded.diff(dim=1, prepend=rounded[:, :1]) > 0).cumsum(1)
    sums = torch.zeros_like(reference).scatter_add_(1, group, reference)
    counts = torch.zeros_like(reference).scatter_add_(1, group, torch.ones_like(reference))
    shared = (sums / counts.clamp(min=1)).gather(1, group)
    return (ordered - shared).square().mean(1)


def _passes(parameters: Mapping[str, Any]) -> int:
    each = 2 if parameters["game"] == "dual" else 1
    return int(parameters["iterations"]) * len(parameters["areas"]) * each
