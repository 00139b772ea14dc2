from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from saliency_core.lazy import timm
from saliency_core.methods._stem_relevance import through_stem
from saliency_core.transformers.descent import Descent
from saliency_core.transformers.forward import Embedding
from saliency_core.transformers.relevance import PLAIN
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


def test_sizes_that_do_not_fit_the_patches_are_refused() -> None:
    classifier = tiny_classifier(dynamic_img_size=True, dynamic_img_pad=True)
    create_method("raw_attention", classifier).explain(photographs(1, 30, 32), TARGETS[:1])
    with pytest.raises(ParameterError, match=r"multiples of the patch's, 8 × 8 pixels; got 30 × 32"):
        create_method("vit_lrp", classifier).explain(photographs(1, 30, 32), TARGETS[:1])


def test_a_stem_of_one_convolution_is_the_usual_patch_embedding() -> None:
    classifier = tiny_classifier()
    with torch.no_grad():
        classifier.model.patch_embed.proj.bias.zero_()
    method = create_method("vit_lrp", classifier)
    images, targets = photographs(), TARGETS
    usual = method.explain(images, targets).maps
    network = method.network
    descent = Descent(network, images.double(), targets, rule_set=PLAIN)
    for _ in descent.steps():
        pass
    maps = through_stem(
        classifier.model.patch_embed, images, descent.embedding, descent.relevance.tokens, "tiny"
    )
    assert ((maps - usual).abs().amax((1, 2)) <= 1e-5 * usual.abs().amax((1, 2))).all()


def test_a_convolutional_stem_passes_all_relevance_on() -> None:
    classifier = tiny_classifier(embed_layer=hybrid)
    stem = classifier.model.patch_embed
    create_method("transformer_attribution", classifier).explain(photographs(1), TARGETS[:1])
    explanation = create_method("vit_lrp", classifier).explain(photographs(), TARGETS)
    assert explanation.maps.shape == (4, 32, 32)
    assert not explanation.degenerate.any()
    # Without biases nothing is lost on the way: what the patches have, the pixels have.
    images = photographs().double()
    with torch.no_grad():
        patches = copy.deepcopy(stem).double()(images)
    relevance = torch.rand(patches.shape, generator=torch.Generator().manual_seed(0)).double()
    relevance = relevance * (patches > 0.05)  # where the positive part is not nothing
    embedding = Embedding(patches=patches, placed=patches, tokens=patches, grid=(4, 4))
    maps = through_stem(stem, images, embedding, relevance, "tiny")
    assert maps.sum().item() == pytest.approx(relevance.sum().item(), rel=1e-6)
    assert maps.min() >= 0


def hybrid(**options: Any) -> torch.nn.Module:
    """Patches embedded by a small convolutional network, as in ViT-R."""

    class Backbone(torch.nn.Sequential):
        num_features = 6

    backbone = Backbone(torch.nn.Conv2d(3, 6, 4, stride=4, bias=False), torch.nn.ReLU())
    size, width = options["img_size"], options["embed_dim"]
    return timm.layers.HybridEmbed(
        backbone, img_size=size, patch_size=2, feature_size=8, embed_dim=width, bias=False
    )
