"""What methods need to know about a network before they start: read from one forward pass and its graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from saliency_core.lazy import torch

# Steps between feature maps and a linear classifier that keep the scores linear in the maps. Dropout leaves no
# trace in evaluation mode.
_SHAPING = frozenset(
    {
        "View",
        "UnsafeView",
        "ReshapeAlias",
        "Squeeze",
        "Unsqueeze",
        "Permute",
        "Transpose",
        "T",
        "Clone",
        "Alias",
        "Expand",
        "Select",
        "Slice",
        "ToCopy",
        "AsStrided",  # averages of tensors with channels last
    }
)
_POOLING = frozenset({"Mean", "AdaptiveAvgPool2D", "MkldnnAdaptiveAvgPool2D", "AvgPool2D"})
_LINEAR = frozenset({"Addmm", "Mm", "Linear"})
_RELU = "Relu"
# Names in the graph → usual names, for what a method's rules may not cover.
_ACTIVATIONS = {
    "Relu": "ReLU",
    "Hardtanh": "ReLU6",
    "Gelu": "GELU",
    "Silu": "SiLU",
    "Hardswish": "Hardswish",
    "Hardsigmoid": "Hardsigmoid",
    "Elu": "ELU",
    "LeakyRelu": "LeakyReLU",
    "PreluKernel": "PReLU",
    "Sigmoid": "Sigmoid",
    "Tanh": "Tanh",
    "Mish": "Mish",
}


@dataclass(frozen=True)
class Facts:
    """What a network is made of, JSON-able; None where it could not be found out.

    ``feature_layers``: layers with feature maps [B, K, h, w]. ``differentiable``: the scores have a gradient
    by the image. ``head``: how the scores follow from the maps of the default layer: "linear" (global
    average, then one linear layer), "class_maps" (a convolution to one map per class, then the average),
    "other"; ``head_relu``: with a ReLU on the way. ``relu_modules`` and ``functional_relus``: ReLUs that run
    in a forward pass as modules, and as functions or methods; ``inplace_relus``; ``reused_relus``: modules
    that run more than once. ``activations``: kinds of nonlinearity in the graph. ``attention``: None without
    attention blocks, else their number, heads and so on (see attention_facts). ``weighted_layers``: how many
    layers with weights take part in a forward pass (see weighted_layers).
    """

    feature_layers: int
    differentiable: bool | None
    head: str | None
    head_relu: bool
    relu_modules: int
    functional_relus: int | None
    inplace_relus: int
    reused_relus: int
    activations: tuple[str, ...] | None
    attention: dict[str, Any] | None
    weighted_layers: int

    def to_dict(self) -> dict[str, Any]:
        plain = asdict(self)
        return {**plain, "activations": None if self.activations is None else list(self.activations)}


def gather_facts(
    model: torch.nn.Module,
    logits: torch.Tensor,
    feature_layers: int,
    default_step: Any,
    relu_runs: dict[str, int],
    size: int,
    weighted_layers: int,
) -> Facts:
    """Facts of a forward pass that was recorded with gradients.

    ``default_step``: the graph's node that made the maps of the default layer, taken when they were made;
    ``relu_runs``: how often each ReLU module ran. Without a graph (``logits`` needs no gradient) the fields
    that rest on it are None.
    """
    modules = dict(model.named_modules())
    inplace = sum(bool(getattr(modules[name], "inplace", False)) for name in relu_runs)
    reused = sum(runs > 1 for runs in relu_runs.values())
    runs = sum(relu_runs.values())
    attention = attention_facts(model, size)
    if logits.grad_fn is None:
        return Facts(
            feature_layers, None, None, False, runs, None, inplace, reused, None, attention, weighted_layers
        )
    kinds = [_kind(step) for step in _steps(logits.grad_fn)]
    activations = tuple(dict.fromkeys(_ACTIVATIONS[kind] for kind in kinds if kind in _ACTIVATIONS))
    head, head_relu = ("other", False) if default_step is None else _head(logits.grad_fn, default_step)
    return Facts(
        feature_layers=feature_layers,
        differentiable=True,
        head=head,
        head_relu=head_relu,
        relu_modules=runs,
        functional_relus=max(0, kinds.count(_RELU) - runs),
        inplace_relus=inplace,
        reused_relus=reused,
        activations=activations,
        attention=attention,
        weighted_layers=weighted_layers,
    )


def attention_facts(model: torch.nn.Module, size: int) -> dict[str, Any] | None:
    """Attention of a vision transformer: ``blocks``, ``heads``, ``grid`` (patches down and across),
    ``class_token``, ``class_token_decides`` (the scores are read from the CLS token), ``distilled`` (a second
    token with a classifier of its own), ``register_tokens``, ``readable`` (timm's Attention, whose query, key
    and value are layers of their own).
    """
    names = {kind.__name__ for kind in type(model).__mro__}
    if "VisionTransformer" not in names:
        return None
    modules = [
        module
        for module in model.modules()
        if isinstance(getattr(module, "num_heads", None), int)
        and "attention" in type(module).__name__.lower()
    ]
    if not modules:
        return None
    embedding = getattr(model, "patch_embed", None)
    grid = getattr(embedding, "grid_size", None) or (size // getattr(model, "patch_size", 16),) * 2
    timm_like = hasattr(model, "patch_embed")
    return {
        "blocks": len(modules),
        "heads": int(modules[0].num_heads),
        "grid": [int(side) for side in grid],
        # torchvision's always has one, and reads the scores from it
        "class_token": bool(getattr(model, "has_class_token", hasattr(model, "class_token"))),
        "class_token_decides": not timm_like or getattr(model, "global_pool", "") == "token",
        "distilled": hasattr(model, "dist_token"),
        "register_tokens": int(getattr(model, "num_reg_tokens", 0)),
        "readable": all(
            type(module).__name__ == "Attention" and hasattr(module, "qkv") for module in modules
        ),
    }


def _kind(step: Any) -> str:
    """ "ReluBackward0" → "Relu"."""
    return str(step.name()).split("Backward")[0]


def _parents(step: Any) -> Iterable[Any]:
    return (parent for parent, _ in step.next_functions if parent is not None)


def _steps(start: Any) -> Iterable[Any]:
    """Every node of the graph once."""
    seen, waiting = {start}, [start]
    while waiting:
        step = waiting.pop()
        yield step
        for parent in _parents(step):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)


def _head(scores: Any, features: Any) -> tuple[str, bool]:
    """The kind of the head, and whether there is a ReLU in it; a walk from the scores to the features."""
    linear = convolved = pooled = relu = False
    step = scores
    while step != features:
        kind = _kind(step)
        if kind == _RELU:
            # after the average a ReLU would make the scores nonlinear in it
            if not pooled:
                return "other", False
            relu = True
        elif kind in _POOLING:
            pooled = True
        elif kind in _LINEAR and not (linear or pooled):
            linear = True
        elif kind == "Convolution" and not (linear or convolved):
            convolved = True
        elif kind not in _SHAPING:
            return "other", False
        # Weights have no history beyond themselves (AccumulateGrad, perhaps transposed).
        parents = [parent for parent in _parents(step) if not _is_weight(parent)]
        if len(parents) != 1:
            return "other", False
        step = parents[0]
    if not pooled:
        return "other", False
    if linear:
        return "linear", relu
    return ("class_maps", relu) if convolved else ("other", False)


def _is_weight(step: Any) -> bool:
    while _kind(step) in {"T", "Transpose", "Permute"}:
        above = list(_parents(step))
        if not above:
            return True
        step = above[0]
    return str(step.name()).endswith("AccumulateGrad")
