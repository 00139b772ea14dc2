"""Meaningful Perturbation."""

from __future__ import annotations

from typing import ClassVar

from saliency_core.descriptions import Cost, MethodDescription, Parameter
from saliency_core.lazy import functional, torch
from saliency_core.methods._mask_optimisation import (
    gaussian_blur,
    in_groups,
    scaled,
    selected_probabilities,
)
from saliency_core.methods._random import image_generator, seed_parameter
from saliency_core.methods.base import Method
from saliency_core.methods.registry import register
from saliency_core.scoring.scorer import Scorer

_CIRCLES = 16  # radii tried for the first mask
_SUPPRESSED = 0.99  # share of the possible fall of the score that the first mask must reach


@register
class MeaningfulPerturbation(Method):
    """1 − m*, m* = argmin_m λ₁ Σ|1 − m| + λ₂ Σ‖∇m‖_β^β + E_τ P_c(Φ(x; m) shifted by τ).

    Φ(x; m) = m ⊙ x + (1 − m) ⊙ blur(x): where m is 0 the image is deleted. m lives on a coarse grid and is
    enlarged and smoothed, so that it cannot be an adversarial pattern of single pixels; the random shift τ
    of up to ``jitter`` pixels at every step serves the same end. P_c is the class probability. Adam with
    rate 0.1, m kept in [0, 1]; sums run over the coarse grid.

    The search starts, as in the paper, with the smallest disc around the image's centre that takes away
    0.99 of what deleting everything takes away. Shifts are drawn from each image's own generator. Lengths are in
    pixels of a 224-pixel image and scale with the image.

    Extras: ``remaining_probability``, P_c under the mask found, and ``deleted_share``, the mean of the map.

    Source: Fong and Vedaldi, ICCV 2017, equations 3 and 4 and section 4.3.

    >>> method = create_method("meaningful_perturbation", classifier, iterations=500)  # doctest: +SKIP
    """

    description: ClassVar[MethodDescription] = MethodDescription(
        key="meaningful_perturbation",
        title="Meaningful Perturbation",
        family="perturbation",
        needs=("gradients",),
        parameters=(
            Parameter(
                name="iterations",
                kind="integer",
                default=300,
                minimum=1,
                maximum=10_000,
                title="Iterations",
                help="Steps of the search.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            Parameter(
                name="sparsity",
                kind="number",
                default=1e-3,
                minimum=0,
                maximum=100,
                title="Weight of the area (λ₁)",
                help="Larger deletes less of the image.",
                source=(
                    "Our choice: with the 1e-4 of Fong and Vedaldi 2017, section 4.3 (preset paper), half of some "
                    "photographs stays deleted after 300 steps on SqueezeNet"
                ),
            ),
            Parameter(
                name="smoothness",
                kind="number",
                default=1e-2,
                minimum=0,
                maximum=100,
                title="Weight of the variation (λ₂)",
                help="Larger makes the mask smoother.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            Parameter(
                name="exponent",
                kind="number",
                default=3.0,
                minimum=1,
                maximum=10,
                title="Exponent of the variation (β)",
                help="1 allows sharp borders; larger values spread them.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            Parameter(
                name="cells",
                kind="integer",
                default=28,
                minimum=2,
                maximum=224,
                title="Cells of the mask",
                help="Cells along each side of the coarse mask; at most one per pixel.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            Parameter(
                name="mask_blur",
                kind="number",
                default=5.0,
                minimum=0,
                maximum=100,
                title="Smoothing of the mask",
                unit="px of 224",
                help="Standard deviation of the Gaussian that the enlarged mask is smoothed with.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            Parameter(
                name="blur",
                kind="number",
                default=10.0,
                minimum=1,
                maximum=100,
                title="Blur",
                unit="px of 224",
                help="Standard deviation of the blur that stands for a deleted image.",
                source="Fong and Vedaldi 2017, section 3.2",
            ),
            Parameter(
                name="jitter",
                kind="integer",
                default=4,
                minimum=0,
                maximum=64,
                title="Jitter",
                unit="px of 224",
                help="The perturbed image is shifted by up to so many pixels at every step.",
                source="Fong and Vedaldi 2017, section 4.3",
            ),
            seed_parameter("Seed of the shifts."),
        ),
        paper="Fong and Vedaldi, Interpretable Explanations of Black Boxes by Meaningful Perturbation, ICCV 2017",
        summary="Searches for the smallest smooth region whose blurring takes the class probability away.",
        cost=lambda parameters: Cost(
            forwards=parameters["iterations"] + _CIRCLES + 3, backwards=parameters["iterations"]
        ),
        quick={"iterations": 30},
        presets={"paper": {"sparsity": 1e-4}},
    )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return in_groups(self.classifier, images, targets, self._searched)

    def _searched(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        values, (height, width) = self.parameters, images.shape[2:]
        blurred = gaussian_blur(images, scaled(values["blur"], height, width))
        shifts = self._shifts(images)
        coarse = self._first(images, blurred, targets)
        optimiser = torch.optim.Adam([coarse.requires_grad_(True)], lr=0.1)
        for iteration in range(values["iterations"]):
            with torch.enable_grad():
                loss = self.objective(images, blurred, targets, coarse, shifts[:, iteration]).sum()
            (coarse.grad,) = torch.autograd.grad(loss, coarse)
            optimiser.step()
            with torch.no_grad():
                coarse.clamp_(0, 1)
        with torch.no_grad():
            masks = self.enlarged(coarse, height, width)
            deleted = _composed(images, blurred, masks)
            remaining = selected_probabilities(self.classifier, deleted, targets)
        return 1 - masks, {"remaining_probability": remaining, "deleted_share": (1 - masks).mean((1, 2))}

    def objective(
        self,
        images: torch.Tensor,
        blurred: torch.Tensor,
        targets: torch.Tensor,
        coarse: torch.Tensor,
        shifts: torch.Tensor,
    ) -> torch.Tensor:
        """What is minimised, [B], for coarse masks [B, cells, cells] and whole-pixel shifts [B, 2]."""
        values = self.parameters
        masks = self.enlarged(coarse, images.shape[2], images.shape[3])
        pictures = _composed(images, blurred, masks)
        moved = torch.stack(
            [
                picture.roll((down, across), (1, 2))
                for picture, (down, across) in zip(pictures, shifts.tolist(), strict=True)
            ]
        )
        area = (1 - coarse).abs().sum((1, 2))
        variation = sum(coarse.diff(dim=axis).abs().pow(values["exponent"]).sum((1, 2)) for axis in (1, 2))
        probabilities = selected_probabilities(self.classifier, moved, targets)
        return values["sparsity"] * area + values["smoothness"] * variation + probabilities

    def enlarged(self, coarse: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """Masks [B, H, W] from coarse ones [B, cells, cells]: bilinear, then smoothed."""
        masks = functional.interpolate(
            coarse[:, None], size=(height, width), mode="bilinear", align_corners=False
        )
        return gaussian_blur(masks, scaled(self.parameters["mask_blur"], height, width))[:, 0]

    def _shifts(self, images: torch.Tensor) -> torch.Tensor:
        """Shifts down and across for every image and step, whole pixels [B, iterations, 2] on the CPU."""
        most = round(scaled(self.parameters["jitter"], images.shape[2], images.shape[3]))
        size = (self.parameters["iterations"], 2)
        return torch.stack(
            [
                torch.randint(
                    -most, most + 1, size, generator=image_generator(self.parameters["seed"], image)
                )
                for image in images
            ]
        )

    def _first(self, images: torch.Tensor, blurred: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The coarse masks [B, cells, cells] with the smallest disc deleted that suppresses the class."""
        height, width = images.shape[2:]
        rows, columns = (min(self.parameters["cells"], length) for length in (height, width))
        down = (torch.arange(rows, device=images.device) + 0.5) / rows - 0.5
        across = (torch.arange(columns, device=images.device) + 0.5) / columns - 0.5
        distance = (down[:, None] ** 2 + across**2).sqrt()
        # Radii from one cell to beyond the corners: the last disc deletes everything.
        radii = torch.linspace(1 / _CIRCLES, 0.75, _CIRCLES, device=images.device)
        discs = (distance > radii[:, None, None]).float()
        masks = torch.cat([self.enlarged(discs, height, width), images.new_ones(1, height, width)])
        scores = Scorer(self.classifier).score_masks(images, masks, blurred, targets)
        everything, nothing = scores[:, _CIRCLES - 1 : _CIRCLES], scores[:, _CIRCLES:]
        enough = nothing - scores[:, :_CIRCLES] >= _SUPPRESSED * (nothing - everything)
        return discs[enough.int().argmax(1).to(discs.device)]


def _composed(images: torch.Tensor, blurred: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    return blurred + masks[:, None] * (images - blurred)
