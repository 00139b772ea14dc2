"""Each rule by hand or against a loop, and what it conserves."""

from __future__ import annotations

import pytest
import torch

from saliency_core.transformers import rules
from tests.core.transformers import literal


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_safe_division() -> None:
    above = torch.tensor([2.0, 3.0, 1.0, 4.0], dtype=torch.float64)
    below = torch.tensor([1.0, 0.0, -1e-9, -2.0], dtype=torch.float64)
    expected = torch.tensor([2 / (1 + 1e-9), 0, 1e9, 4 / (-2 + 1e-9)], dtype=torch.float64)
    torch.testing.assert_close(rules.safe_divide(above, below), expected)


def test_linear_rules_by_hand() -> None:
    """x = (1, −2), w = (3, −4): x⁺w⁺ = 3 and x⁻w⁻ = 8. Jointly 3/11 and 8/11 of R; separately all of it twice."""
    values, weight = torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[3.0, -4.0]]).double()
    relevance = torch.tensor([[11.0]]).double()
    joint, promised = rules.linear_joint(values, weight, relevance, values @ weight.T)
    torch.testing.assert_close(joint, torch.tensor([[3.0, 8.0]]).double())
    assert promised.tolist() == [11]
    separate, promised = rules.linear_separate(values, weight, relevance, values @ weight.T)
    torch.testing.assert_close(separate, torch.tensor([[11.0, 11.0]]).double())
    assert promised.tolist() == [22]
    # A term x⁺w⁻ inhibits; with β = 0 it gets nothing.
    values = torch.tensor([[1.0, 2.0]]).double()
    joint, _ = rules.linear_joint(values, weight, relevance, values @ weight.T)
    torch.testing.assert_close(joint, torch.tensor([[11.0, 0.0]]).double())


@pytest.mark.parametrize(("rule", "ratio"), [(rules.linear_joint, 1.0), (rules.linear_separate, 2.0)])
def test_ratio_of_relevance_per_linear_layer(rule: rules.LinearRule, ratio: float) -> None:
    """METHODS: 1.0 with the authors' rules for Transformer Attribution, 2.0 with their plain LRP."""
    values, weight, relevance = numbers(3, 7, 40), numbers(25, 40, seed=1), numbers(3, 7, 25, seed=2)
    before, promised = rule(values, weight, relevance, values @ weight.T)
    sums = relevance.sum((1, 2))
    torch.testing.assert_close(before.sum((1, 2)) / sums, torch.full((3,), ratio).double(), rtol=1e-8, atol=0)
    torch.testing.assert_close(promised, ratio * sums)
    for sample in range(3):
        expected = literal.through_tokens(values[sample], weight, relevance[sample], separate=ratio == 2)
        torch.testing.assert_close(before[sample], expected)


def test_plain_rule_without_negative_values_promises_no_doubling() -> None:
    values, weight, relevance = numbers(2, 40).abs(), numbers(25, 40, seed=1), numbers(2, 25, seed=2)
    before, promised = rules.linear_separate(values, weight, relevance, values @ weight.T)
    torch.testing.assert_close(promised, relevance.sum(1))
    torch.testing.assert_close(before.sum(1), relevance.sum(1))


def test_products_are_halved_and_conserve() -> None:
    left, right, relevance = numbers(2, 3, 5, 4), numbers(2, 3, 4, 6, seed=1), numbers(2, 3, 5, 6, seed=2)
    for_left, for_right = rules.product(left, right, relevance, left @ right)
    half = relevance.sum((1, 2, 3)) / 2
    torch.testing.assert_close(for_left.sum((1, 2, 3)), half, rtol=1e-6, atol=0)
    torch.testing.assert_close(for_right.sum((1, 2, 3)), half, rtol=1e-6, atol=0)
    for sample in range(2):
        for head in range(3):
            expected = literal.through_product(
                left[sample, head], right[sample, head], relevance[sample, head]
            )
            torch.testing.assert_close(for_left[sample, head], expected[0])
            torch.testing.assert_close(for_right[sample, head], expected[1])


def test_residual_by_hand() -> None:
    """a = (1, 3), b = (1, −1), R = (4, 2): shares (2, 1), so R_a = (2, 3), R_b = (2, −1): sums 5 and 1, nothing to
    rescale. With R = (2, 4): R_a = (1, 6), R_b = (1, −2), sums 7 and −1; rescaled to 7/8 and 1/8 of 6.
    """
    left, right = torch.tensor([[[1.0, 3.0]]]).double(), torch.tensor([[[1.0, -1.0]]]).double()
    for rescaled in (False, True):
        parts = rules.residual(left, right, torch.tensor([[[4.0, 2.0]]]).double(), rescaled=rescaled)
        torch.testing.assert_close(parts[0], torch.tensor([[[2.0, 3.0]]]).double())
        torch.testing.assert_close(parts[1], torch.tensor([[[2.0, -1.0]]]).double())
    relevance = torch.tensor([[[2.0, 4.0]]]).double()
    plain = rules.residual(left, right, relevance, rescaled=False)
    torch.testing.assert_close(plain[0], torch.tensor([[[1.0, 6.0]]]).double())
    torch.testing.assert_close(plain[1], torch.tensor([[[1.0, -2.0]]]).double())
    stretched = rules.residual(left, right, relevance, rescaled=True)
    torch.testing.assert_close(stretched[0], torch.tensor([[[0.75, 4.5]]]).double())
    torch.testing.assert_close(stretched[1], torch.tensor([[[-0.75, 1.5]]]).double())


def test_residual_sums_are_those_of_one_sample() -> None:
    left, right, relevance = numbers(4, 5, 6), numbers(4, 5, 6, seed=1), numbers(4, 5, 6, seed=2)
    together = rules.residual(left, right, relevance, rescaled=True)
    for sample in range(4):
        one = slice(sample, sample + 1)
        alone = rules.residual(left[one], right[one], relevance[one], rescaled=True)
        expected = literal.through_sum(left[sample], right[sample], relevance[sample], rescaled=True)
        for part in range(2):
            torch.testing.assert_close(together[part][one], alone[part])
            torch.testing.assert_close(alone[part][0], expected[part], rtol=1e-6, atol=1e-8)
    both = together[0].sum((1, 2)) + together[1].sum((1, 2))
    torch.testing.assert_close(both, relevance.sum((1, 2)))


def test_bounded_convolution_conserves_and_is_zero_on_a_constant_image() -> None:
    images, weight, relevance = numbers(2, 3, 8, 12), numbers(5, 3, 4, 4, seed=1), numbers(2, 5, 2, 3, seed=2)
    pixels = rules.bounded_convolution(images, weight, (4, 4), relevance)
    torch.testing.assert_close(pixels.sum((1, 2, 3)), relevance.sum((1, 2, 3)))
    # One pixel by the formula as printed, with the bounds of its own image.
    low, high = images[1].min(), images[1].max()
    expected = 0.0
    for unit in range(5):
        kernel, part = weight[unit], images[1, :, 4:8, 8:12]
        terms = part * kernel - low * kernel.clamp(min=0) - high * kernel.clamp(max=0)
        expected += float(terms[2, 1, 3] / terms.sum() * relevance[1, unit, 1, 2])
    assert pixels[1, 2, 5, 11].item() == pytest.approx(expected)
    flat = torch.full((1, 3, 8, 12), 0.3, dtype=torch.float64)
    assert not rules.bounded_convolution(flat, weight, (4, 4), relevance[:1]).any()
