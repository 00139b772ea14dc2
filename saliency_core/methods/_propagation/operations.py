"""Names of torch functions by what they do to their input, without the underscore of in-place variants."""

from __future__ import annotations


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Linear, or choosing among the inputs (max pools, ReLU): the gradient distributes relevance in proportion to the
# contributions.
PROPORTIONAL = _names("""
    add sub __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ neg cat concat stack chunk split tensor_split narrow
    select index_select __getitem__ __setitem__ unbind view view_as reshape reshape_as flatten unflatten permute
    transpose t movedim swapaxes squeeze unsqueeze expand expand_as contiguous clone copy to float double type type_as
    repeat roll flip mean sum max_pool2d adaptive_max_pool2d avg_pool2d adaptive_avg_pool2d amax pad interpolate
    upsample dropout dropout2d feature_dropout alpha_dropout channel_shuffle pixel_shuffle pixel_unshuffle relu
    leaky_relu rrelu prelu requires_grad detach __get__
""")

# Proportional in one factor where the other is a constant.
BILINEAR = _names("mul multiply __mul__ __rmul__ __imul__ matmul __matmul__ bmm mm einsum")
QUOTIENTS = _names("div divide true_divide __truediv__ __itruediv__")

GATES = _names("sigmoid hardsigmoid")
MAX_POOLS = _names("max_pool2d adaptive_max_pool2d")

# Functions of each value by itself.
ACTIVATIONS = _names("""
    relu6 elu selu celu gelu silu mish softplus softsign hardswish hardtanh tanh threshold _threshold clamp clamp_min
    clip
""")
ELEMENTWISE = (
    ACTIVATIONS
    | GATES
    | _names("""
    relu leaky_relu rrelu prelu log_sigmoid tanhshrink softshrink hardshrink clamp_max abs exp log sqrt rsqrt square
    pow
""")
)


def plain_name(name: str) -> str:
    """ "relu_" → "relu"; "__mul__" stays."""
    return name if name.startswith("__") else name.rstrip("_")
