"""Sanity checks by model randomisation: maps that stay as they are without the trained weights explain nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from saliency_core.classifiers.randomisation import WorkingCopy, evenly_spread
from saliency_core.classifiers.weighted_layers import output_layers, weighted_layers
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import (
    Experiment,
    ExperimentDescription,
    Explained,
    Measurement,
    Protocol,
)
from saliency_core.experiments.figures import CurveDescription, Figure, mean_figure
from saliency_core.experiments.similarity import MapComparison
from saliency_core.lazy import torch
from saliency_core.scoring.listening import batch_listener

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier
    from saliency_core.classifiers.weighted_layers import WeightedLayer
    from saliency_core.experiments.columns import Columns
    from saliency_core.methods.base import Explanation, Method

MODES: tuple[str, ...] = ("cascading", "independent")
# Key of the curves and figures, title, definition.
SIMILARITIES: tuple[tuple[str, str, str], ...] = (
    ("spearman", "Rank correlation", "Spearman's rank correlation of the signed maps"),
    (
        "spearman_absolute",
        "Rank correlation of magnitudes",
        "Spearman's rank correlation of the maps' absolute values, clipped at the 99th percentile",
    ),
    ("ssim", "SSIM", "the structural similarity of the maps stretched to [0, 1]"),
    ("hog", "HOG", "Spearman's rank correlation of the maps' histograms of oriented gradients"),
)
CLEAN = "clean"


@dataclass(frozen=True, kw_only=True)
class SanityCheckProtocol(Protocol):
    """``mode`` "cascading": layers are initialised anew one after the other, from the output inwards, and stay
    so; "independent": one at a time, the others as trained. ``layers`` "all": every layer with weights;
    "convolutions": these alone. ``head``: whether the layer that gives the scores is among them. Where there
    are more layers than ``most_stages``, neighbours are taken together: the first stage is one layer, the rest
    are of about the same length. ``seed`` and a layer's name decide its numbers.

    The class explained is that predicted by the intact classifier. ``running_statistics`` of BatchNorm are no
    trained weights and are kept. ``clip_percentile`` of the magnitudes; ``hog_cell`` in pixels. A map without
    contrast has similarity 0.
    """

    experiment: str = "sanity_check"
    activation: str = ""
    mode: str = "cascading"
    layers: str = "all"
    head: bool = True
    most_stages: int = 20
    seed: int = 0
    running_statistics: str = "kept"
    clip_percentile: float = 99.0
    hog_cell: int = 16


class SanityCheck(Experiment):
    """Curves over the stages, point 0 being the intact classifier: spearman, spearman_absolute, ssim, hog, and
    randomised_degenerate (1 where the map had no contrast).

    Columns: of each similarity the mean over the stages (…_mean) and, in cascades, the value at the last stage
    (…_end); randomised_degenerate, the share of stages. Low values mean that the map depends on the weights.

    Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018.
    """

    description: ClassVar[ExperimentDescription] = ExperimentDescription(
        key="sanity_check",
        title="Sanity check",
        summary=(
            "Initialises layers of the model anew, from the output inwards, and follows how alike the map "
            "stays to that of the intact model. A map that hardly changes does not show what the model "
            "learnt."
        ),
        protocols=(
            SanityCheckProtocol(
                name="cascading@1",
                summary="All layers with weights one after the other, at most 20 stages, squashed to 224 × 224.",
                source="Adebayo et al., NeurIPS 2018; the class of the intact model is kept, seeds are nested",
            ),
            SanityCheckProtocol(
                name="independent@1",
                summary="As cascading@1, but one stage's layers at a time with all others as trained.",
                source="Adebayo et al., NeurIPS 2018; the class of the intact model is kept",
                mode="independent",
            ),
            SanityCheckProtocol(
                name="group-cam@1",
                summary="Convolutions only, from the deepest to the image; the classifying layers stay as trained.",
                source="Thesis, figure 3-4; github.com/wofmanaf/Group-CAM at ffd807b, sanity_checks.py",
                layers="convolutions",
                head=False,
            ),
        ),
    )
    protocol: SanityCheckProtocol

    def __init__(self, protocol: Protocol) -> None:
        super().__init__(protocol)
        self._stages: Stages | None = None

    @classmethod
    def forwards_per_image(cls, protocol: Protocol) -> int:
        return 0

    @classmethod
    def further_maps(cls, protocol: Protocol, layers: int) -> int:
        """At most; a protocol for convolutions only makes fewer."""
        assert isinstance(protocol, SanityCheckProtocol)
        return max(1, min(protocol.most_stages, layers if protocol.head else layers - 1))

    def measure(self, explained: Explained) -> Measurement:
        protocol = self.protocol
        # Kept for the next images, so that weights are drawn once.
        if self._stages is None or self._stages.classifier is not explained.classifier:
            self._stages = Stages(explained.classifier, protocol)
        stages = self._stages
        comparison = MapComparison(
            explained.maps.cpu().numpy(),
            explained.degenerate.cpu().numpy(),
            percentile=protocol.clip_percentile,
            cell=protocol.hog_cell,
        )
        clean = comparison.with_maps(explained.maps.cpu().numpy(), explained.degenerate.cpu().numpy())
        points = {key: [clean[key]] for key, _, _ in SIMILARITIES}
        flags = [explained.degenerate.cpu().numpy()]
        for explanation in stages.explanations(explained.method, explained.images, explained.targets):
            flags.append(explanation.degenerate.cpu().numpy())
            similarities = comparison.with_maps(explanation.maps.cpu().numpy(), flags[-1])
            for key, values in similarities.items():
                points[key].append(values)
        curves = {key: np.stack(values, axis=1).astype(np.float32) for key, values in points.items()}
        degenerate = np.stack(flags, axis=1).astype(np.float32)
        scalars = {}
        for key, curve in curves.items():
            scalars[f"{key}_mean"] = curve[:, 1:].mean(1, dtype=np.float64)
            if protocol.mode == "cascading":
                scalars[f"{key}_end"] = curve[:, -1].astype(np.float64)
        scalars["randomised_degenerate"] = degenerate[:, 1:].mean(1, dtype=np.float64)
        return Measurement(
            scalars=scalars,
            curves={**curves, "randomised_degenerate": degenerate},
            notes={"layers": stages.names, "blocks": stages.blocks},
        )

    def figures(self) -> tuple[Figure, ...]:
        figures = []
        for key, title, definition in SIMILARITIES:
            figures.append(
                mean_figure(
                    f"{key}_mean",
                    f"{title}, mean",
                    f"Mean over the stages of {definition}, before and after randomisation. Low: the map "
                    "depends on the weights.",
                    unit="",
                )
            )
            if self.protocol.mode == "cascading":
                figures.append(
                    mean_figure(
                        f"{key}_end",
                        f"{title}, at the end",
                        f"{definition[0].upper()}{definition[1:]}, with all of the protocol's layers randomised. Low: "
                        "the map depends on the weights.",
                        unit="",
                    )
                )
        return (
            *figures,
            mean_figure(
                "randomised_degenerate",
                "Maps without contrast",
                "Share of the stages in which the map had no contrast, which counts as similarity 0.",
            ),
        )

    def curves(self) -> tuple[CurveDescription, ...]:
        return (
            *(
                CurveDescription(key, title, "Layer", "Similarity to the intact model's map", _positions)
                for key, title, _ in SIMILARITIES
            ),
            CurveDescription(
                "randomised_degenerate", "Maps without contrast", "Layer", "Share of images", _positions
            ),
        )


class Stages:
    """The stages of a sanity check of one classifier: which layers, in which order, and the maps.

    ``blocks``: the names of the layers that each stage initialises anew; ``names``: of each, that which is
    nearest to the image.
    """

    def __init__(self, classifier: Classifier, protocol: SanityCheckProtocol) -> None:
        """Raises ParameterError for an unknown mode or a model without such layers."""
        if protocol.mode not in MODES:
            raise ParameterError(f"The mode must be one of {', '.join(MODES)}; got {protocol.mode!r}.")
        if protocol.layers not in ("all", "convolutions"):
            raise ParameterError(f'The layers must be "all" or "convolutions"; got {protocol.layers!r}.')
        self.classifier, self.mode = classifier, protocol.mode
        layers = weighted_layers(classifier)
        head = output_layers(classifier, layers)
        chosen = [
            layer.name
            for layer in layers
            if (protocol.head or layer not in head)
            and (protocol.layers == "all" or _is_convolution(classifier, layer))
        ]
        if not chosen:
            raise ParameterError(
                f"{classifier.title} has no layers that {protocol.full_name} could randomise; choose another "
                "protocol."
            )
        self.blocks = evenly_spread(chosen, protocol.most_stages)
        self.names = [block[-1] for block in self.blocks]
        self._copy = WorkingCopy(classifier, layers, protocol.seed)

    def explanations(
        self, method: Method, images: torch.Tensor, targets: torch.Tensor
    ) -> Iterator[Explanation]:
        """The maps of ``images`` [B, 3, H, W] for classes ``targets`` [B] at every stage, all images together."""
        walk = self._copy.cascade if self.mode == "cascading" else self._copy.one_by_one
        try:
            for classifier in walk(self.blocks):
                # Bound anew each time: a method may read weights when it is made.
                yield method.bound_to(classifier).explain(images, targets)
                listener = batch_listener()
                if listener is not None:
                    listener(0)  # so that a run can be stopped between two stages
        finally:
            self._copy.restore()


def _is_convolution(classifier: Classifier, layer: WeightedLayer) -> bool:
    if layer.kind == "Parameter":
        return False
    return isinstance(classifier.model.get_submodule(layer.name), torch.nn.modules.conv._ConvNd)


def _positions(columns: Columns) -> list[str]:
    return [CLEAN, *columns.notes.get("layers", [])]
