from __future__ import annotations

import torch

from saliency_core import create_method
from tests.core.transformers.literal import Literal, enlarged
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


def test_equals_the_literal_formula_and_ignores_the_class() -> None:
    classifier = tiny_classifier(reg_tokens=2)
    method = create_method("raw_attention", classifier)
    explanation = method.explain(photographs(), TARGETS)
    assert not explanation.degenerate.any()
    for sample in range(2):
        grid = Literal(classifier.model, photographs()[sample], 0).raw_attention()
        expected = enlarged(grid, 32, 32).float()
        torch.testing.assert_close(explanation.maps[sample], expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(method.explain(photographs(), TARGETS.flip(0)).maps, explanation.maps)
