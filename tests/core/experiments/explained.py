"""Units to measure without a data set, a method or a runner."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.experiments.base import Explained
from saliency_core.experiments.ground_truth import Truth
from saliency_core.methods.base import Method
from saliency_core.scoring.scorer import Scorer


def explained_of(
    classifier: Classifier,
    images: torch.Tensor,
    maps: torch.Tensor,
    targets: torch.Tensor | Sequence[int],
    *,
    labels: torch.Tensor | Sequence[int] | None = None,
    truths: Sequence[Truth | None] | None = None,
    unit_labels: Sequence[str | None] | None = None,
    indices: Sequence[int] | None = None,
    method: Method | None = None,
    scorer: Scorer | None = None,
) -> Explained:
    """Images [U, 3, H, W] with ready maps [U, H, W]; one unit an image, numbered from 0 unless ``indices`` say
    otherwise; constant maps are degenerate. Labels are unknown, truths and unit labels missing, by default.
    """
    count = len(maps)
    numbers = list(range(count)) if indices is None else list(indices)
    flat = maps.flatten(1)
    return Explained(
        classifier=classifier,
        method=method,  # type: ignore[arg-type]
        scorer=scorer or Scorer(classifier),
        images=images,
        targets=torch.as_tensor(targets, dtype=torch.int64),
        labels=torch.full((count,), -1) if labels is None else torch.as_tensor(labels, dtype=torch.int64),
        maps=maps.to(torch.float32),
        degenerate=flat.amax(1) == flat.amin(1),
        identifiers=[f"{number}.png" for number in numbers],
        indices=numbers,
        truths=[None] * count if truths is None else list(truths),
        unit_labels=[None] * count if unit_labels is None else list(unit_labels),
    )
