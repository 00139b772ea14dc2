from __future__ import annotations

import torch

from saliency_core import create_method
from tests.core.transformers.literal import Literal, enlarged
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


def test_equals_the_literal_formula() -> None:
    classifier = tiny_classifier(qkv_bias=False)
    explanation = create_method("vit_grad_cam", classifier).explain(photographs(), TARGETS)
    for sample in range(3):
        grid = Literal(classifier.model, photographs()[sample], int(TARGETS[sample])).grad_cam()
        assert bool(explanation.degenerate[sample]) == bool(grid.max() <= 0)
        expected = enlarged(grid, 32, 32).float()
        torch.testing.assert_close(explanation.maps[sample], expected, atol=1e-6, rtol=1e-4)


def test_where_nothing_is_positive_the_map_is_zero_and_flagged() -> None:
    """With one head the sign of its weight decides, as attention is positive; turning the scores round turns it. The
    reference divides 0 by 0 there.
    """
    classifier = tiny_classifier(num_heads=1)
    method = create_method("vit_grad_cam", classifier)
    first = method.explain(photographs(), TARGETS)
    with torch.no_grad():
        classifier.model.head.weight.neg_()
    second = method.explain(photographs(), TARGETS)
    assert torch.equal(first.degenerate, ~second.degenerate)
    for explanation in (first, second):
        assert explanation.normalised().isfinite().all()
        assert explanation.maps[explanation.degenerate].eq(0).all()
        assert explanation.maps[~explanation.degenerate].flatten(1).amax(1).gt(0).all()


def test_only_patches_count_beside_registers() -> None:
    classifier = tiny_classifier(reg_tokens=3)
    explanation = create_method("vit_grad_cam", classifier).explain(photographs(), TARGETS)
    for sample in range(2):
        grid = Literal(classifier.model, photographs()[sample], int(TARGETS[sample])).grad_cam()
        torch.testing.assert_close(
            explanation.maps[sample], enlarged(grid, 32, 32).float(), atol=1e-6, rtol=1e-4
        )
