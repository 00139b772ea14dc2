from __future__ import annotations

import pytest
import torch

from saliency_core.transformers.descent import Descent
from saliency_core.transformers.forward import RecordedTransformer
from saliency_core.transformers.relevance import CONSERVING, PLAIN, Relevance, RuleSet
from saliency_core.transformers.rollout import class_token_row, with_identity
from tests.core.transformers.literal import Literal
from tests.core.transformers.tiny import TARGETS, photographs, tiny_transformer


def descend(
    model: torch.nn.Module, rule_set: RuleSet, dtype: torch.dtype, lowest: int = 0
) -> tuple[Descent, list]:
    network = RecordedTransformer(model, dtype)
    descent = Descent(network, photographs(), TARGETS, lowest=lowest, rule_set=rule_set)
    return descent, list(descent.steps())


@pytest.mark.parametrize(("rule_set", "separate"), [(CONSERVING, False), (PLAIN, True)])
def test_relevance_equals_the_literal_pass(rule_set: RuleSet, separate: bool) -> None:
    model = tiny_transformer(reg_tokens=1, init_values=0.5)
    descent, steps = descend(model, rule_set, torch.float64)
    for sample in (1, 2):
        attentions, tokens = Literal(model, photographs()[sample], int(TARGETS[sample])).relevance(separate)
        for step in steps:
            rows, literal = step.relevance.shape[2], attentions[step.block]
            torch.testing.assert_close(step.relevance[sample], literal[:, :rows], rtol=1e-6, atol=1e-9)
            assert not literal[:, rows:].any()  # the last block's, of which only the class token is read
        torch.testing.assert_close(descent.relevance.tokens[sample], tokens, rtol=1e-6, atol=1e-8)


def test_conserving_rules_conserve() -> None:
    """ΣR stays 1 from the class score to any block's input. Wide enough that no unit is without any excitation, whose
    relevance would be lost.
    """
    model = tiny_transformer(embed_dim=48)
    for lowest in (2, 1, 0):
        relevance = descend(model, CONSERVING, torch.float64, lowest)[0].relevance
        torch.testing.assert_close(relevance.expected, torch.ones(4).double(), rtol=1e-12, atol=0)
        assert relevance.conservation_error().max() < 1e-5
        assert (relevance.tokens.sum((1, 2)) - 1).abs().max() < 1e-5


def test_plain_rules_double_at_each_linear_layer() -> None:
    """With a single block whose branches add nothing to the class token's relevance, only the head doubles."""
    model = tiny_transformer(embed_dim=48)
    relevance = descend(model, PLAIN, torch.float64)[0].relevance
    assert relevance.conservation_error().max() < 1e-5
    assert (relevance.expected - 1).abs().min() > 0.5
    silent = tiny_transformer(embed_dim=48, depth=1)
    for layer in (silent.blocks[0].attn.proj, silent.blocks[0].mlp.fc2):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    relevance = descend(silent, PLAIN, torch.float64)[0].relevance
    torch.testing.assert_close(
        relevance.tokens.sum((1, 2)), torch.full((4,), 2.0).double(), rtol=1e-6, atol=0
    )


def test_conservation_error_by_hand() -> None:
    relevance = Relevance(torch.tensor([[[0.5, 0.25]], [[6.0, 4.0]]]), torch.tensor([1.0, 8.0]))
    assert relevance.conservation_error().tolist() == [0.25, 0.25]


def test_rollout_by_hand_and_rows_sum_to_one() -> None:
    first = torch.tensor([[[0.0, 1.0], [0.5, 0.5]]])
    last = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    # rows of (I + A) / 2: last (.75, .25), first ((.5, .5), (.25, .75)); product row (.4375, .5625)
    matrices = [with_identity(matrix, normalised=True) for matrix in (last, first)]
    torch.testing.assert_close(class_token_row(matrices), torch.tensor([[0.4375, 0.5625]]))
    unscaled = [with_identity(matrix, normalised=False) for matrix in (last, first)]
    torch.testing.assert_close(class_token_row(unscaled), torch.tensor([[1.75, 2.25]]))
    attention = torch.rand(6, 3, 9, 9, generator=torch.Generator().manual_seed(0))  # rows of any sum
    mixed = [with_identity(matrix, normalised=True) for matrix in attention]
    torch.testing.assert_close(mixed[0].sum(-1), torch.ones(3, 9))
    torch.testing.assert_close(class_token_row(mixed).sum(-1), torch.ones(3))
    torch.testing.assert_close(class_token_row([mixed[0][:, :1], *mixed[1:]]), class_token_row(mixed))
    torch.testing.assert_close(with_identity(attention[0][:, :2], normalised=True), mixed[0][:, :2])
    whole = mixed[0]
    for matrix in mixed[1:]:
        whole = whole @ matrix
    torch.testing.assert_close(class_token_row(mixed), whole[:, 0])
    with pytest.raises(ValueError, match="no matrices"):
        class_token_row([])
