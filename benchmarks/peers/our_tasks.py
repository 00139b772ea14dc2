"""What the peers are compared with: the same figures and maps by saliency_core, for one network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.models import explained
from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.road import Road, RoadProtocol
from saliency_core.lazy import torch
from saliency_core.methods.registry import create_method
from saliency_core.scoring.canvas import zero_canvas
from saliency_core.scoring.ranking import Curve, pixel_order
from saliency_core.scoring.scorer import Scorer

Array = npt.NDArray[np.float32]
# pytorch-grad-cam keeps what is below a percentile: 10 … 90 of them remove 90 … 10 %.
ROAD_OF_PEER = RoadProtocol(
    name="peer@1",
    summary="The shares that pytorch-grad-cam removes.",
    source="pytorch-grad-cam, metrics/road.py",
    shares=tuple(tenth / 10 for tenth in range(1, 10)),
)


@dataclass(frozen=True)
class Ours:
    """A classifier with the images [N, 3, H, W], classes [N] and maps [N, H, W] that both sides work on; as in a
    worker, one image after the other.
    """

    classifier: Classifier
    images: torch.Tensor
    targets: torch.Tensor
    maps: torch.Tensor

    def insertion_deletion(self, count: int) -> Array:
        experiment, found = create_experiment("insertion_deletion", "thesis@1"), []
        for number in range(count):
            scalars = experiment.measure(self._given(number)).scalars
            found.append((scalars["insertion_auc"][0], scalars["deletion_auc"][0]))
        return np.array(found, dtype=np.float32)

    def pixel_flipping(self, count: int) -> Array:
        """The deletion curve to zeros, of which every fourth point is one of the peer's, the last the bare canvas."""
        found = []
        for number in range(count):
            image, each = self.images[number : number + 1], slice(number, number + 1)
            sources = torch.stack([image, zero_canvas(image)], dim=1)
            scores = Scorer(self.classifier).score_rankings(
                sources, pixel_order(self.maps[each]), (Curve(0, 1),), 448, self.targets[each]
            )
            found.append(scores[:, 0, 4::4])
        return torch.cat(found).numpy()

    def road(self, count: int) -> Array:
        experiment = Road(ROAD_OF_PEER)
        found = [experiment.measure(self._given(number)).scalars["overall"][0] for number in range(count)]
        return np.array(found, dtype=np.float32)

    def map(self, method: str, layer: str, count: int, **parameters: str) -> Array:
        made = create_method(method, self.classifier, layer=layer, **parameters)
        maps = [
            made.explain(self.images[number : number + 1], self.targets[number : number + 1]).maps
            for number in range(count)
        ]
        return torch.cat(maps).numpy()

    def _given(self, number: int):
        each = slice(number, number + 1)
        scorer = Scorer(self.classifier)
        return explained(self.classifier, scorer, self.images[each], self.maps[each], self.targets[each])
