"""A vision transformer without the tokens that its head does not read: the same logits by less work."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from saliency_core.classifiers.classifier import Classifier
from saliency_core.scoring.scorer import Scorer
from saliency_core.transformers.shortened import without_unread_tokens
from tests.core.transformers.test_forward import VARIANTS
from tests.core.transformers.tiny import photographs, tiny_transformer
from tests.core.transformers.tiny import tiny_classifier as classifier_of


def rows_of(model: torch.nn.Module, layers: list[torch.nn.Module], images: torch.Tensor) -> list[int]:
    """How many tokens of each image the layers get in one pass."""
    seen: list[int] = []
    hooks = [
        layer.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape[1]))
        for layer in layers
    ]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return seen


@pytest.mark.parametrize("changes", VARIANTS, ids=str)
def test_logits_are_those_of_the_whole_network(changes: dict[str, Any]) -> None:
    model = tiny_transformer(**changes).double()
    size = changes.get("img_size", 32)
    height, width = size if isinstance(size, tuple) else (size, size)
    images = photographs(3, height, width).double()
    with torch.no_grad():
        whole = model(images)
        torch.testing.assert_close(without_unread_tokens(model)(images), whole, atol=1e-12, rtol=0)
    assert whole.abs().max() > 1  # the comparison means something


def test_the_last_mlp_sees_the_class_token_only_and_the_model_stays_as_it_is() -> None:
    model = tiny_transformer()
    before = copy.deepcopy(model.state_dict())
    shortened = without_unread_tokens(model)
    layers = [block.mlp for block in model.blocks]
    assert rows_of(shortened, layers, photographs(2)) == [17, 17, 1]
    assert rows_of(model, layers, photographs(2)) == [17, 17, 17]
    assert {id(each) for each in shortened.parameters()} == {id(each) for each in model.parameters()}
    assert all(torch.equal(model.state_dict()[name], values) for name, values in before.items())
    assert [type(block).__name__ for block in model.blocks] == ["Block", "Block", "Block"]


@pytest.mark.parametrize("changes", [{"global_pool": "avg"}, {"class_token": False, "global_pool": "avg"}])
def test_a_network_that_reads_all_tokens_is_left_alone(changes: dict[str, Any]) -> None:
    model = tiny_transformer(**changes)
    assert without_unread_tokens(model) is model


def test_other_networks_are_left_alone(tiny_classifier: Classifier) -> None:
    assert without_unread_tokens(tiny_classifier.model) is tiny_classifier.model


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16"])
def test_scores_are_taken_without_the_unread_tokens(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, images = classifier_of(), photographs()
    with torch.no_grad():
        logits = classifier.logits(images)
    calls: list[int] = []
    mlp = classifier.model.blocks[-1].mlp
    forward = mlp.forward
    monkeypatch.setattr(mlp, "forward", lambda tokens: [calls.append(tokens.shape[1]), forward(tokens)][1])
    scores = Scorer(classifier, 4, precision).score_images(images, output="logit")
    assert calls == [1]
    torch.testing.assert_close(scores, logits, atol=0.2 if precision == "bf16" else 1e-5, rtol=0)


def test_who_listens_to_the_last_block_hears_all_tokens() -> None:
    classifier, images = classifier_of(), photographs()
    scorer = Scorer(classifier, 4)
    scorer.score_images(images)
    seen: list[torch.Size] = []
    hook = classifier.model.blocks[-1].register_forward_hook(
        lambda module, inputs, output: seen.append(output.shape)
    )
    scorer.score_images(images)
    hook.remove()
    scorer.score_images(images)
    assert seen == [torch.Size([4, 17, 12])]


def test_changed_weights_count_at_once() -> None:
    classifier, images = classifier_of(), photographs()
    scorer = Scorer(classifier, 4)
    before = scorer.score_images(images, output="logit")
    with torch.no_grad():
        classifier.model.blocks[-1].attn.qkv.weight.mul_(-2)
        expected = classifier.logits(images)
    after = scorer.score_images(images, output="logit")
    assert (after - before).abs().max() > 0.1
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)


def test_a_compiler_follows_it_as_a_whole() -> None:
    """Without its code generator, which takes long: the tracing, and that nothing breaks it up."""
    model, images = tiny_transformer(), photographs(2)
    shortened = without_unread_tokens(model)
    compiled = torch.compile(shortened, fullgraph=True, dynamic=False, backend="aot_eager")
    with torch.inference_mode():
        torch.testing.assert_close(compiled(images), model(images), atol=1e-5, rtol=0)
