"""The precision "fast": scores move a little, maps and the network not at all."""

from __future__ import annotations

import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.scoring.scorer import Scorer


def test_scores_are_near_those_of_full_precision(
    tiny_classifier: Classifier, tiny_images: torch.Tensor
) -> None:
    before = {name: values.clone() for name, values in tiny_classifier.model.state_dict().items()}
    full = Scorer(tiny_classifier).score_images(tiny_images)
    fast = Scorer(tiny_classifier, precision="fast").score_images(tiny_images)
    assert fast.dtype == torch.float32
    assert 0 < (fast - full).abs().max() < 0.01
    torch.testing.assert_close(fast.sum(1), torch.ones(6))  # probabilities are made of the logits in float32
    after = tiny_classifier.model.state_dict()
    assert all(
        torch.equal(after[name], values) and after[name].dtype == values.dtype
        for name, values in before.items()
    )
    assert torch.equal(Scorer(tiny_classifier).score_images(tiny_images), full)


def test_the_network_runs_in_bfloat16(tiny_classifier: Classifier, tiny_images: torch.Tensor) -> None:
    seen: list[torch.dtype] = []
    hook = tiny_classifier.model.features.register_forward_hook(
        lambda module, inputs, output: seen.append(output.dtype)
    )
    Scorer(tiny_classifier, precision="fast").score_images(tiny_images)
    Scorer(tiny_classifier).score_images(tiny_images)
    hook.remove()
    assert seen == [torch.bfloat16, torch.float32]
