from __future__ import annotations

import pytest

from saliency_core import create_method
from tests.core.transformers.literal import Literal, enlarged
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-6), ("float32", 1e-3)])
def test_equals_the_literal_pass(precision: str, tolerance: float) -> None:
    classifier = tiny_classifier(qkv_bias=False)
    method = create_method("partial_lrp", classifier, precision=precision)
    explanation = method.explain(photographs(), TARGETS)
    for sample in range(2):
        grid = Literal(classifier.model, photographs()[sample], int(TARGETS[sample])).partial_lrp()
        expected = enlarged(grid, 32, 32)
        difference = (explanation.maps[sample] - expected).abs().max() / expected.max()
        assert difference < tolerance
    assert explanation.extras["conservation_error"].shape == (4,)
    assert explanation.extras["conservation_error"].max() < 1e-4


def test_is_in_double_precision_by_default() -> None:
    assert create_method("partial_lrp", tiny_classifier()).parameters == {"precision": "float64"}
