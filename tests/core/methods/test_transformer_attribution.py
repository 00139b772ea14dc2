from __future__ import annotations

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from tests.core.transformers.literal import Literal, enlarged
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


@pytest.mark.parametrize("start", [0, 1])
def test_equals_the_literal_pass(start: int) -> None:
    classifier = tiny_classifier(init_values=0.5)
    method = create_method("transformer_attribution", classifier, start_block=start)
    explanation = method.explain(photographs(), TARGETS)
    for sample in range(2):
        literal = Literal(classifier.model, photographs()[sample], int(TARGETS[sample]))
        expected = enlarged(literal.transformer_attribution(start), 32, 32)
        difference = (explanation.maps[sample] - expected).abs().max() / expected.max()
        assert difference < 1e-6


def test_defaults_and_extras() -> None:
    classifier = tiny_classifier(embed_dim=48)
    method = create_method("transformer_attribution", classifier)
    assert method.parameters == {"start_block": 1, "precision": "float64"}
    explanation = method.explain(photographs(), TARGETS)
    error = explanation.extras["conservation_error"]
    assert error.shape == (4,)
    assert error.dtype == torch.float64
    assert error.max() < 1e-5
    assert (explanation.maps >= 0).all()


def test_follows_the_class() -> None:
    method = create_method("transformer_attribution", tiny_classifier())
    maps = [method.explain(photographs(1), torch.tensor([target])).maps for target in range(5)]
    assert all((other - maps[0]).abs().max() > 0.01 * maps[0].max() for other in maps[1:])


def test_other_precision_is_refused() -> None:
    with pytest.raises(ParameterError, match="precision must be one of float64, float32; got 'float16'"):
        create_method("transformer_attribution", tiny_classifier(), precision="float16")
