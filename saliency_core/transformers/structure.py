"""Which networks the transformer methods can explain, and why another one cannot be explained."""

from __future__ import annotations

from typing import Any

from saliency_core.lazy import timm, torch

_FORWARD_PARTS = ("forward", "forward_features", "forward_head", "pool")


def obstacle(model: torch.nn.Module) -> str | None:
    """Why the attention of ``model`` cannot be explained, as the end of "… cannot be explained: it …"; None
    if it can.

    Explained are timm's VisionTransformers whose class score is read from a class token: standard blocks
    (pre-norm, softmax attention, two-layer MLP), with any number of heads and register tokens, with or without
    biases, layer scale, query/key normalisation, a convolutional stem or final norm. Works on the meta device.
    """
    if not isinstance(model, timm.models.vision_transformer.VisionTransformer):
        return _other_network(model)
    if hasattr(model, "dist_token"):
        return (
            "is distilled: its score is the mean of two heads, read from the class token and from the "
            "distillation token, while these methods follow one class token; use the variant without "
            "distillation"
        )
    original = timm.models.vision_transformer.VisionTransformer
    if any(getattr(type(model), part) is not getattr(original, part) for part in _FORWARD_PARTS):
        return f"computes its scores in a way of its own ({type(model).__name__}), not as timm's VisionTransformer"
    if model.cls_token is None or model.global_pool != "token":
        return (
            f"has no class token that its score is read from (global pooling {model.global_pool!r}); "
            "these methods start at the class token"
        )
    if type(model.head) is not torch.nn.Linear:
        return f"has no linear layer as its head, but {type(model.head).__name__}"
    for name in ("norm_pre", "norm", "fc_norm"):
        if not _is_norm(getattr(model, name, None)):
            return f"normalises with {type(getattr(model, name)).__name__} ({name}), not with LayerNorm"
    for number, block in enumerate(model.blocks):
        reason = _block_obstacle(block)
        if reason:
            return f"{reason} (blocks.{number})"
    return None


def _other_network(model: torch.nn.Module) -> str:
    if type(model).__module__.startswith("torchvision.") and type(model).__name__ == "VisionTransformer":
        return "is torchvision's; load the same architecture from timm, for example timm:vit_base_patch16_224"
    return f"is no vision transformer of timm with a class token, but {type(model).__name__}"


def _block_obstacle(block: Any) -> str | None:
    parts = timm.models.vision_transformer
    if type(block) is not parts.Block:
        return f"has blocks of another kind, {type(block).__name__}"
    attention, mlp = block.attn, block.mlp
    if type(attention) is not parts.Attention:
        return f"has attention of another kind, {type(attention).__name__}"
    if getattr(attention, "gate", None) is not None:
        return "has gated attention"
    if type(mlp) is not parts.Mlp:
        return f"has an MLP of another kind, {type(mlp).__name__}"
    linear = (attention.qkv, attention.proj, mlp.fc1, mlp.fc2)
    if any(type(module) is not torch.nn.Linear for module in linear):
        return "has projections that are no plain linear layers"
    if next(mlp.act.parameters(), None) is not None:
        return f"has an activation with parameters, {type(mlp.act).__name__}"
    norms = (block.norm1, block.norm2, attention.q_norm, attention.k_norm, *_optional_norms(attention, mlp))
    for norm in norms:
        if not _is_norm(norm):
            return f"normalises with {type(norm).__name__}, not with LayerNorm"
    for scale in (block.ls1, block.ls2):
        if not isinstance(scale, torch.nn.Identity) and not hasattr(scale, "gamma"):
            return f"scales its branches with {type(scale).__name__}, not with LayerScale"
    return None


def _optional_norms(attention: Any, mlp: Any) -> list[Any]:
    """Norms that older versions of timm do not have."""
    return [module.norm for module in (attention, mlp) if getattr(module, "norm", None) is not None]


def _is_norm(module: Any) -> bool:
    return module is None or isinstance(module, (torch.nn.LayerNorm, torch.nn.Identity))
