from __future__ import annotations

import copy
import re
from typing import Any

import pytest
import torch

from saliency_core.errors import ParameterError
from saliency_core.lazy import timm
from saliency_core.transformers.descent import Descent
from saliency_core.transformers.forward import RecordedTransformer
from saliency_core.transformers.structure import obstacle
from tests.core.transformers.tiny import TARGETS, photographs, tiny_transformer

VARIANTS: list[dict[str, Any]] = [
    {},
    {"qkv_bias": False},
    {"num_heads": 2, "patch_size": 4, "img_size": 24},
    {"patch_size": (8, 4), "img_size": (16, 32)},
    {"reg_tokens": 2, "no_embed_class": True, "init_values": 0.5},  # as DeiT III and DINOv2
    {"pre_norm": True, "act_layer": "quick_gelu"},  # as CLIP
    {"qk_norm": True, "fc_norm": True, "proj_bias": False},
    {"scale_attn_norm": True, "scale_mlp_norm": True},
    {"pos_embed": "none"},
    {"dynamic_img_size": True},
    {
        "drop_rate": 0.5,
        "attn_drop_rate": 0.5,
        "proj_drop_rate": 0.5,
        "drop_path_rate": 0.5,
        "patch_drop_rate": 0.5,
    },
]


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_recorded_forward_equals_the_model(changes: dict[str, Any]) -> None:
    model = tiny_transformer(**changes)
    size = changes.get("img_size", 32)
    height, width = size if isinstance(size, tuple) else (size, size)
    images = photographs(3, height, width)
    assert obstacle(model) is None
    with torch.no_grad():
        expected = model(images)
        precise = copy.deepcopy(model).double()(images.double())
    for dtype, wanted, tolerance in ((torch.float32, expected, 1e-5), (torch.float64, precise, 1e-10)):
        descent = Descent(RecordedTransformer(model, dtype), images, TARGETS[:3])
        assert descent.logits.dtype == dtype
        torch.testing.assert_close(descent.logits, wanted, atol=tolerance, rtol=0)
    assert expected.abs().max() > 1  # the comparison means something


def test_other_image_sizes_where_the_model_takes_them() -> None:
    model = tiny_transformer(dynamic_img_size=True)
    images = photographs(2, 40, 24)
    descent = Descent(RecordedTransformer(model, torch.float32), images, TARGETS[:2])
    assert descent.embedding.grid == (5, 3)
    with torch.no_grad():
        torch.testing.assert_close(descent.logits, model(images), atol=1e-5, rtol=0)
    fixed = RecordedTransformer(tiny_transformer(), torch.float32)
    with pytest.raises(ParameterError, match=r"does not take images of this size.*40"):
        fixed.embed(images)


def test_attention_and_gradients_equal_those_of_the_model() -> None:
    """Against autograd through the whole model at once, with the attention caught by hooks."""
    model = tiny_transformer()
    images = photographs().double()
    reference = copy.deepcopy(model).double()
    caught: list[torch.Tensor] = []
    for block in reference.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda module, inputs, output: caught.append(output))
    logits = reference(images)
    gradients = torch.autograd.grad(logits.gather(1, TARGETS[:, None]).sum(), caught)

    descent = Descent(RecordedTransformer(model, torch.float64), images, TARGETS, gradients=True)
    steps = list(descent.steps())
    assert [step.block for step in steps] == [2, 1, 0]
    for step in steps:
        rows = step.attention.shape[2]
        attention, gradient = caught[step.block].detach(), gradients[step.block]
        torch.testing.assert_close(step.attention, attention[:, :, :rows], atol=1e-12, rtol=1e-10)
        torch.testing.assert_close(step.gradient, gradient[:, :, :rows], atol=1e-12, rtol=1e-10)
        assert not gradient[:, :, rows:].any()  # rows that are left out have no say in the score
        assert step.relevance is None
        assert not step.attention.requires_grad
    assert [step.attention.shape[2] for step in steps] == [1, 17, 17]


def test_the_model_is_only_read() -> None:
    model = tiny_transformer().requires_grad_(True)
    before = {name: (value, value.clone()) for name, value in model.state_dict(keep_vars=True).items()}
    runs: list[str] = []
    model.blocks[1].attn.register_forward_hook(lambda *passed: runs.append("attention"))
    images = photographs()
    descent = Descent(RecordedTransformer(model, torch.float64), images, TARGETS, gradients=True)
    list(descent.steps())
    for name, value in model.state_dict(keep_vars=True).items():
        same, copied = before[name]
        assert value is same
        assert value.grad is None
        assert torch.equal(value, copied)
    assert model.blocks[0].attn.fused_attn
    assert not runs  # hooks of the model's own do not see our pass


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (
            lambda: tiny_transformer(class_token=False, global_pool="avg"),
            "has no class token that its score.*'avg'",
        ),
        (lambda: tiny_transformer(global_pool="avg"), "has no class token that its score is read from"),
        (lambda: tiny_transformer(class_token=False, global_pool="map"), "global pooling 'map'"),
        (lambda: tiny_transformer(num_classes=0), "has no linear layer as its head, but Identity"),
        (
            lambda: tiny_transformer(block_fn=timm.models.vision_transformer.ParallelScalingBlock),
            r"blocks of another kind, ParallelScalingBlock \(blocks.0\)",
        ),
        (
            lambda: tiny_transformer(block_fn=timm.models.vision_transformer.ResPostBlock),
            "blocks of another kind, ResPostBlock",
        ),
        (lambda: tiny_transformer(mlp_layer=timm.layers.SwiGLU), "MLP of another kind, SwiGLU"),
        (
            lambda: tiny_transformer(attn_layer="diff", num_heads=2),
            "attention of another kind, DiffAttention",
        ),
        (lambda: tiny_transformer(norm_layer=timm.layers.RmsNorm), "normalises with RmsNorm"),
        (
            lambda: timm.models.deit.VisionTransformerDistilled(
                img_size=32, embed_dim=12, depth=1, num_heads=3
            ),
            "is distilled: its score is the mean of two heads",
        ),
        (
            lambda: timm.create_model("resnet18"),
            "is no vision transformer of timm with a class token, but ResNet",
        ),
    ],
)
def test_what_cannot_be_explained_says_why(build: Any, reason: str) -> None:
    assert re.search(reason, str(obstacle(build())))


def test_torchvision_is_pointed_to_timm() -> None:
    from saliency_core.lazy import torchvision

    model = torchvision.models.VisionTransformer(32, 8, 1, 2, 8, 8, num_classes=3)
    assert "load the same architecture from timm" in str(obstacle(model))


def test_a_forward_of_its_own_is_refused() -> None:
    class Changed(timm.models.vision_transformer.VisionTransformer):  # type: ignore[misc]
        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward_features(images) * 2

    assert "in a way of its own (Changed)" in str(
        obstacle(Changed(img_size=32, embed_dim=12, depth=1, num_heads=3))
    )
