from __future__ import annotations

from typing import Any

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from saliency_core.lazy import timm
from tests.core.transformers.literal import Literal
from tests.core.transformers.tiny import TARGETS, photographs, tiny_classifier


@pytest.mark.parametrize(
    "changes", [{}, {"no_embed_class": True, "reg_tokens": 1}, {"pre_norm": True}], ids=str
)
def test_equals_the_literal_pass_to_the_pixels(changes: dict[str, Any]) -> None:
    classifier = tiny_classifier(**changes)
    explanation = create_method("vit_lrp", classifier).explain(photographs(), TARGETS)
    expected = Literal(classifier.model, photographs()[1], int(TARGETS[1])).lrp()
    assert expected.shape == (32, 32)
    difference = (explanation.maps[1] - expected).abs().max() / expected.abs().max()
    assert difference < 1e-6
    assert explanation.maps.min() < 0 < explanation.maps.max()  # signed
    assert explanation.extras["conservation_error"].max() < 1e-3


def test_other_stems_and_sizes_are_refused() -> None:
    classifier = tiny_classifier(dynamic_img_size=True, dynamic_img_pad=True)
    create_method("raw_attention", classifier).explain(photographs(1, 30, 32), TARGETS[:1])
    with pytest.raises(ParameterError, match=r"multiples of the patch's, 8 × 8 pixels; got 30 × 32"):
        create_method("vit_lrp", classifier).explain(photographs(1, 30, 32), TARGETS[:1])
    classifier = tiny_classifier(embed_layer=hybrid)
    create_method("transformer_attribution", classifier).explain(photographs(1), TARGETS[:1])
    with pytest.raises(
        ParameterError, match="through a single convolution, but patches are embedded by HybridEmbed"
    ):
        create_method("vit_lrp", classifier)


def hybrid(**options: Any) -> torch.nn.Module:
    """Patches embedded by a small convolutional network, as in ViT-R."""

    class Backbone(torch.nn.Sequential):
        num_features = 6

    backbone = Backbone(torch.nn.Conv2d(3, 6, 4, stride=4), torch.nn.BatchNorm2d(6), torch.nn.ReLU())
    size, width = options["img_size"], options["embed_dim"]
    return timm.layers.HybridEmbed(backbone, img_size=size, patch_size=2, feature_size=8, embed_dim=width)
