"""Networks for benchmarks, and maps for them as an experiment takes them."""

from __future__ import annotations

from saliency_core.classifiers.architectures import build, find_architecture
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.loading import made_ready
from saliency_core.experiments.base import Explained
from saliency_core.lazy import torch
from saliency_core.methods.registry import create_method
from saliency_core.scoring.scorer import Scorer


def random_classifier(name: str, device: str) -> Classifier:
    """A classifier with random weights, always the same: a layer that happens to give nothing would spare methods
    most of their work. ``name``: as torchvision has it, or "timm:NAME".
    """
    torch.manual_seed(0)
    architecture = find_architecture(name)
    return Classifier(
        made_ready(build(architecture, device=device).eval()),
        name=architecture.name,
        library=architecture.library,
        device=device,
    )


def explained(
    classifier: Classifier, scorer: Scorer, images: torch.Tensor, maps: torch.Tensor, targets: torch.Tensor
) -> Explained:
    """Given maps [B, H, W] of normalised images [B, 3, H, W] for classes [B], without labels and boxes."""
    count = len(images)
    return Explained(
        classifier=classifier,
        method=create_method("random_map", classifier),
        scorer=scorer,
        images=images.to(classifier.device),
        maps=maps.to(classifier.device),
        targets=targets.to(classifier.device),
        labels=torch.full((count,), -1, dtype=torch.int64, device=classifier.device),
        degenerate=torch.zeros(count, dtype=torch.bool, device=classifier.device),
        identifiers=[str(number) for number in range(count)],
        indices=list(range(count)),
        truths=[None] * count,
        unit_labels=[None] * count,
    )


def random_explained(classifier: Classifier, scorer: Scorer, count: int) -> Explained:
    """Random maps of random pictures: speed does not depend on them."""
    size = classifier.preprocessing.size
    generator = torch.Generator().manual_seed(0)
    return explained(
        classifier,
        scorer,
        torch.randn(count, 3, size, size, generator=generator),
        torch.rand(count, size, size, generator=generator),
        torch.zeros(count, dtype=torch.int64),
    )
