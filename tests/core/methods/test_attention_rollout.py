from __future__ import annotations

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from tests.core.transformers.literal import Literal, enlarged
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


@pytest.mark.parametrize("start", [0, 1, 2])
def test_equals_the_literal_product(start: int) -> None:
    classifier = tiny_classifier()
    explanation = create_method("attention_rollout", classifier, start_block=start).explain(
        photographs(), TARGETS
    )
    for sample in range(2):
        grid = Literal(classifier.model, photographs()[sample], 0).rollout(start)
        expected = enlarged(grid, 32, 32).float()
        torch.testing.assert_close(explanation.maps[sample], expected, atol=1e-6, rtol=1e-5)


def test_starts_at_block_one_and_ignores_the_class() -> None:
    classifier = tiny_classifier()
    method = create_method("attention_rollout", classifier)
    assert method.parameters == {"start_block": 1}
    maps = method.explain(photographs(), TARGETS).maps
    assert torch.equal(method.explain(photographs(), TARGETS.flip(0)).maps, maps)
    others = (
        create_method("attention_rollout", classifier, start_block=0).explain(photographs(), TARGETS).maps
    )
    assert (others - maps).abs().max() > 1e-3


def test_start_block_must_exist() -> None:
    with pytest.raises(
        ParameterError, match="start_block must be at most 2, as tiny ViT has 3 blocks; got 3"
    ):
        create_method("attention_rollout", tiny_classifier(), start_block=3)
    with pytest.raises(ParameterError, match="start_block must be at least 0"):
        create_method("attention_rollout", tiny_classifier(), start_block=-1)
