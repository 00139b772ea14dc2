"""Rules that carry relevance backwards through one operation; every sum is over one sample, never the batch.

Source: Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, CVPR 2021, section 3.1,
with the details of the authors' two sets of rules (``layers_ours`` and ``layers_lrp``).
Where an operation is not listed (GELU, softmax, LayerNorm, layer scale, the factor 1/√d) relevance passes as
it is, and where a value is used twice the relevances of its uses are added.
"""

from __future__ import annotations

from collections.abc import Callable

from saliency_core.lazy import functional, torch

# Of the authors' code. It decides what happens to terms that nearly cancel, so it belongs to the definition.
STABILISER = 1e-9

LinearRule = Callable[
    ["torch.Tensor", "torch.Tensor", "torch.Tensor", "torch.Tensor"], "tuple[torch.Tensor, torch.Tensor]"
]


def safe_divide(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """a / (b + 1e-9), and 0 where b = 0."""
    shifted = denominator + STABILISER
    if _all_far_from_zero(denominator):
        return numerator / shifted
    shifted.masked_fill_(shifted == 0, STABILISER)
    return (numerator / shifted).masked_fill_(denominator == 0, 0.0)


def _all_far_from_zero(values: torch.Tensor) -> bool:
    """Whether no value is near 0; on a GPU, which would have to be waited for, always "perhaps not"."""
    return not values.is_cuda and bool(values.abs().amin() > 2 * STABILISER)


def total(relevance: torch.Tensor) -> torch.Tensor:
    """ΣR of each sample, [B]."""
    return relevance.flatten(1).sum(1)


def linear_joint(
    values: torch.Tensor, weight: torch.Tensor, relevance: torch.Tensor, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """α=1, β=0 with one normaliser: R_j = Σ_i z_ji R_i / Σ_j' z_j'i with z_ji = x_j⁺w_ji⁺ + x_j⁻w_ji⁻.

    ``values`` x [B, …, J], ``weight`` [I, J], ``relevance`` [B, …, I], ``products`` x·Wᵀ [B, …, I]; the bias takes no
    part. Gives the relevance [B, …, J] and the total [B] that it should have: ΣR is conserved.
    """
    # Σ z = ½ (x·Wᵀ + |x|·|W|ᵀ): one product, as the forward pass has the other.
    absolute = values.abs().flatten(0, -2)
    sums = torch.addmm(products.flatten(0, -2), absolute, weight.abs().T, beta=0.5, alpha=0.5)
    shares = safe_divide(relevance, sums.view_as(products))
    # Of x⁺ and x⁻ one is 0. To choose between the products by the sign takes three times as long as to add them.
    spread = values.clamp(min=0).mul_(shares @ weight.clamp(min=0))
    return spread.addcmul_(values.clamp(max=0), shares @ weight.clamp(max=0)), total(relevance)


def linear_separate(
    values: torch.Tensor, weight: torch.Tensor, relevance: torch.Tensor, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """As ``linear_joint``, but x⁺w⁺ and x⁻w⁻ are normalised each by its own sum.

    Each of the two hands on all of R, so that ΣR doubles where both are there. Their sums don't follow from
    ``products``, which is not used.
    """
    relevance_in, expected = torch.zeros_like(values), torch.zeros_like(total(relevance))
    for part, half in (
        (values.clamp(min=0), weight.clamp(min=0)),
        (values.clamp(max=0), weight.clamp(max=0)),
    ):
        sums = part @ half.T
        relevance_in = relevance_in + part * (safe_divide(relevance, sums) @ half)
        expected = expected + total(torch.where(sums == 0, torch.zeros_like(relevance), relevance))
    return relevance_in, expected


def product(
    left: torch.Tensor, right: torch.Tensor, relevance: torch.Tensor, products: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient × input for both operands of ``products`` Z = left · right [B, H, n, m], each halved: alone either
    would carry all of R.

    R_left = ½ left ⊙ (S·rightᵀ), R_right = ½ right ⊙ (leftᵀ·S), with S = R / Z.
    """
    shares = safe_divide(relevance, products)
    return (
        (shares @ right.transpose(-2, -1)).mul_(left).div_(2),
        (left.transpose(-2, -1) @ shares).mul_(right).div_(2),
    )


def residual(
    left: torch.Tensor, right: torch.Tensor, relevance: torch.Tensor, *, rescaled: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """R_a = a·R/(a+b), R_b = b·R/(a+b) for tensors [B, N, D].

    ``rescaled``: afterwards each is stretched such that ΣR_a : ΣR_b = |ΣR_a| : |ΣR_b| with the total ΣR. That
    changes something only where the two sums differ in sign, and keeps them from growing without bound.
    """
    shares = safe_divide(relevance, left + right)
    left_part, right_part = left * shares, right * shares
    if not rescaled:
        return left_part, right_part
    left_sum, right_sum = total(left_part), total(right_part)
    both, everything = left_sum.abs() + right_sum.abs(), total(relevance)
    left_factor = safe_divide(safe_divide(left_sum.abs(), both) * everything, left_sum)
    right_factor = safe_divide(safe_divide(right_sum.abs(), both) * everything, right_sum)
    return left_part.mul_(left_factor[:, None, None]), right_part.mul_(right_factor[:, None, None])


def bounded_convolution(
    images: torch.Tensor, weight: torch.Tensor, stride: tuple[int, int], relevance: torch.Tensor
) -> torch.Tensor:
    """z^B rule: to pixels [B, C, H, W] from ``relevance`` [B, K, h, w] of a convolution without padding or bias
    that reaches every pixel.

    R_j = Σ_i (x_j w_ji − l w_ji⁺ − h w_ji⁻) R_i / (Σ_j' …), with l and h the smallest and largest value of the
    image. The term is (x_j − l) w_ji⁺ + (x_j − h) w_ji⁻, of which each factor pair is computed as it stands: none
    is negative, nothing cancels, and a constant image gives zeros.
    """
    flat = images.flatten(1)
    low = images - flat.amin(1)[:, None, None, None]
    high = images - flat.amax(1)[:, None, None, None]
    up, down = weight.clamp(min=0), weight.clamp(max=0)
    sums = functional.conv2d(low, up, stride=stride) + functional.conv2d(high, down, stride=stride)
    shares = relevance / (sums + STABILISER)

    def spread(kernel: torch.Tensor) -> torch.Tensor:
        return functional.conv_transpose2d(shares, kernel, stride=stride)

    return low * spread(up) + high * spread(down)
