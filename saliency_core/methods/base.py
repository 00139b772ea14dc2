"""What every saliency method has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from saliency_core.classifiers.state import evaluation_mode
from saliency_core.descriptions import MethodDescription
from saliency_core.errors import LayerError, ParameterError
from saliency_core.lazy import functional, torch
from saliency_core.scoring.precision import numeric_precision

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

_ROUNDING = 1e-6  # relative; about eight units in the last place of float32


@dataclass(frozen=True)
class Explanation:
    """Saliency maps of a batch.

    ``maps`` float32 [B, H, W] at input resolution, not normalised, free of NaN. ``degenerate`` bool [B]:
    the method gave a constant (or undefined) map, or the image holds NaN or infinity; reported as zeros.
    ``extras``: figures that the method reports with each map, float32 or float64 [B] by name (a conservation
    error, a completeness gap).
    """

    maps: torch.Tensor
    degenerate: torch.Tensor
    extras: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def normalised(self) -> torch.Tensor:
        """Each map stretched to [0, 1], float32 [B, H, W]; zeros where degenerate."""
        flat = self.maps.flatten(1)
        low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
        span = torch.where(high > low, high - low, torch.ones_like(high))
        return ((flat - low) / span).view_as(self.maps)


class Method(ABC):
    """A saliency method bound to a classifier and its parameters.

    Subclasses describe themselves in ``description`` and compute raw maps in ``_maps``; everything else
    that the contract asks for (evaluation mode, gradients inside inference mode, no NaN, degenerate maps)
    is done here.
    """

    description: ClassVar[MethodDescription]

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Parameters are those of the description. Raises ParameterError, or LayerError for an unknown
        layer.
        """
        self.classifier = classifier
        self.parameters = self.description.validate(parameters)
        for parameter in self.description.parameters:
            if parameter.kind == "layer":
                layer = self.parameters[parameter.name] or classifier.default_layer
                if layer is None:
                    raise LayerError(f"{classifier.title} has no layer with feature maps.")
                classifier.module(layer)
                self.parameters[parameter.name] = layer

    def explain(self, images: torch.Tensor, targets: torch.Tensor) -> Explanation:
        """Explain classes ``targets`` int64 [B] of normalised ``images`` float32 [B, 3, H, W].

        Maps come back on the classifier's device. Each depends on its own image only, and the model is left
        as it was found. Always computed in full float32. Raises ParameterError for wrong shapes or classes.
        """
        model, device = self.classifier.model, self.classifier.device
        with torch.inference_mode(False), evaluation_mode(model), numeric_precision("fp32", device):
            # Cloned: tensors made in inference mode cannot take part in a backward pass.
            images = images.to(device, torch.float32).clone()
            targets = targets.to(device, torch.int64).clone()
            self._check(images, targets)
            # No method has to deal with NaN, which may pass as finite (a ReLU that NaN does not open), spread to
            # neighbours or break a search.
            defined = images.isfinite().flatten(1).all(1)
            images[~defined] = 0
            computed = self._maps(images, targets)
            raw, extras = computed if isinstance(computed, tuple) else (computed, {})
            maps = raw.detach().to(torch.float32)
            flat = maps.flatten(1)
            low, high = flat.amin(1), flat.amax(1)
            # Upsampling a constant leaves rounding errors of a few units in the last place: still constant.
            constant = high - low <= _ROUNDING * torch.maximum(low.abs(), high.abs())
            usable = flat.isfinite().all(1) & ~constant & defined
            maps = torch.where(usable[:, None, None], maps, torch.zeros_like(maps))
            return Explanation(maps, ~usable, {name: value.detach() for name, value in extras.items()})

    def bound_to(self, classifier: Classifier) -> Method:
        """The same method with the same parameters for another classifier of the same architecture."""
        return type(self)(classifier, **self.parameters)

    @abstractmethod
    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Raw maps [B, H, W], or these and extras (see Explanation), for images [B, 3, H, W] that may be
        changed.
        """

    def _check(self, images: torch.Tensor, targets: torch.Tensor) -> None:
        if images.ndim != 4 or images.shape[1] != 3 or not len(images):
            raise ParameterError(f"Images must have the shape [B, 3, H, W]; got {list(images.shape)}.")
        if targets.shape != images.shape[:1]:
            raise ParameterError(f"There must be one target per image; got {list(targets.shape)}.")
        classes = len(self.classifier.class_names)
        if int(targets.min()) < 0 or int(targets.max()) >= classes:
            raise ParameterError(f"Targets must lie between 0 and {classes - 1}; got {targets.tolist()}.")


def upsampled(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Maps [B, h, w] at ``size`` (height, width): bilinear, half-pixel centres, no antialiasing."""
    return functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
