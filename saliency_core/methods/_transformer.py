"""What the methods for vision transformers have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from saliency_core.descriptions import Parameter
from saliency_core.errors import ParameterError
from saliency_core.lazy import torch
from saliency_core.methods.base import Method, upsampled
from saliency_core.transformers.forward import RecordedTransformer
from saliency_core.transformers.groups import group_size, in_groups
from saliency_core.transformers.structure import obstacle

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

START_BLOCK = Parameter(
    name="start_block",
    kind="integer",
    default=1,
    minimum=0,
    title="Start block",
    help="First block that takes part, counted from 0; the ones before it are left out of the product.",
    source="1 in both evaluations of Chefer et al. 2021; their demonstration notebooks use 0",
)
PRECISION = Parameter(
    name="precision",
    kind="choice",
    default="float64",
    choices=("float64", "float32"),
    title="Precision",
    help=(
        "Arithmetic of the forward pass, gradients and relevance. In float32 terms that nearly cancel are "
        "amplified, and maps of the same image differ visibly from those in float64."
    ),
    source="Our choice; the authors' code runs in float32",
)


class TransformerMethod(Method):
    """A method that reads the attention of a timm VisionTransformer at its class token.

    Subclasses compute one value per patch or pixel in ``_explain_group``.
    """

    def __init__(self, classifier: Classifier, **parameters: Any) -> None:
        """Raises ParameterError, also where the classifier is no such transformer or has too few blocks."""
        super().__init__(classifier, **parameters)
        reason = obstacle(classifier.model)
        if reason:
            raise ParameterError(
                f"{self.description.title} cannot explain {classifier.title}: the network {reason}."
            )
        dtype = getattr(torch, self.parameters.get("precision", "float32"))
        self.network = RecordedTransformer(classifier.model, dtype)
        start, depth = self.parameters.get("start_block", 0), self.network.depth
        if start >= depth:
            raise ParameterError(
                f"start_block must be at most {depth - 1}, as {classifier.title} has {depth} blocks; got {start}."
            )

    def _maps(
        self, images: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor | tuple[torch.Tensor, dict[str, torch.Tensor]]:
        size = group_size(
            self.classifier.model, self.network.dtype, images, recorded_blocks=self._recorded_blocks()
        )
        found = in_groups(self._explain_group, size, images, targets)
        maps = found.pop("maps")
        return upsampled(maps, (images.shape[2], images.shape[3])), found

    def _recorded_blocks(self) -> int:
        """Of how many blocks the records are kept at the same time."""
        return 1

    @abstractmethod
    def _explain_group(self, images: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """ "maps" [B, h, w] of the grid of patches (or of pixels), and extras [B] by name."""

    def _on_grid(self, row: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """The patches [B, h, w] of a row [B, N] over all tokens."""
        return row[:, self.network.prefix :].unflatten(1, grid)
