"""Whether a method can explain a classifier, told before any work starts; needs no torch.

A description names what its method needs; a described classifier (``Classifier.describe()``) has ``facts``
(see classifiers.facts). Every need has one rule here that compares the two. What only the network itself can tell
(an operation that LRP has no rule for, a network that takes one image size) is tried when a classifier is described,
and kept in its ``refusals``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from saliency_core.descriptions import MethodDescription, Need
from saliency_core.errors import SaliscopeError

if TYPE_CHECKING:
    from saliency_core.classifiers.classifier import Classifier

Facts = Mapping[str, Any]

NEEDS: dict[Need, str] = {
    "convolutional_layer": "feature maps of a convolutional layer",
    "gradients": "gradients of the scores",
    "attention": "timm's vision transformer with a class token",
    "linear_head": "scores that are one linear layer on averaged feature maps",
    "relu": "ReLUs",
}
"""What each need is, in words, for documents and help pages."""


def why_not(description: MethodDescription, classifier: Facts) -> str | None:
    """Why the method cannot explain the classifier, as one or two sentences; None if it can.

    ``classifier`` is what ``Classifier.describe()`` gives, or a part of it: "title", "family", "activation",
    "facts", "refusals". What is missing is taken to be fine, except that the family always counts.
    """
    template = obstacle(description, classifier)
    names = {"method": description.title, "model": classifier.get("title") or "the model"}
    return None if template is None else template % names


def obstacle(description: MethodDescription, classifier: Facts) -> str | None:
    """As why_not, with %(method)s and %(model)s still in the text: what translations are looked up by."""
    family = classifier.get("family")
    facts = {**(classifier.get("facts") or {}), "activation": classifier.get("activation")}
    for need in description.needs:
        template = _RULES[need](family, facts)
        if template is not None:
            return template
    template = description.limits(facts) if description.limits is not None else None
    if template is None:
        refusal = (classifier.get("refusals") or {}).get(description.key)
        template = None if refusal is None else refusal.replace("%", "%%")
    return template


def refusals(classifier: Classifier) -> dict[str, str]:
    """Why methods that fit by the facts refuse the classifier all the same, with their default parameters, by key.

    Makes every method once, which takes up to a few forward passes each.
    """
    from saliency_core.methods.registry import create_method, method_descriptions

    refused = {}
    for description in method_descriptions():
        if why_not(description, classifier.traits()) is None:
            try:
                create_method(description.key, classifier)
            except SaliscopeError as error:
                refused[description.key] = str(error)
    return refused


def _convolutional_layer(family: str | None, facts: Facts) -> str | None:
    if family == "vit":
        return (
            "%(method)s needs a convolutional layer, and %(model)s is a transformer. "
            "Choose a convolutional model."
        )
    if facts.get("feature_layers") == 0:
        return (
            "%(method)s needs a convolutional layer, and no layer of %(model)s gives feature maps. "
            "Choose a convolutional model."
        )
    return None


def _gradients(family: str | None, facts: Facts) -> str | None:
    if facts.get("differentiable") is False:
        return (
            "%(method)s needs gradients, and the scores of %(model)s cannot be differentiated. "
            "Choose a method without gradients, such as RISE."
        )
    return None


def _linear_head(family: str | None, facts: Facts) -> str | None:
    if facts.get("head") == "other" or (facts.get("head") is None and family == "vit"):
        return (
            "%(method)s needs a model whose scores are one linear layer on averaged feature maps, and "
            "%(model)s has no such head. Choose Grad-CAM, which is the same where the head is linear."
        )
    return None


def _relu(family: str | None, facts: Facts) -> str | None:
    activations = facts.get("activations")
    if activations is not None and not {"ReLU", "ReLU6"} & set(activations):
        return (
            "%(method)s changes what ReLUs do in the backward pass, and %(model)s has none. "
            "Choose a model with ReLUs, or SmoothGrad."
        )
    return None


def _attention(family: str | None, facts: Facts) -> str | None:
    if family == "cnn":
        return (
            "%(method)s needs the attention of a vision transformer, and %(model)s is a convolutional model. "
            "Choose a vision transformer."
        )
    if "attention" not in facts:  # described before there were facts
        return None
    attention = facts["attention"] or {}
    if not attention.get("readable"):
        return (
            "%(method)s reads the attention of timm's vision transformers, and that of %(model)s is built "
            "differently. Choose a model of timm, such as vit_base_patch16_224."
        )
    if attention.get("distilled"):
        return (
            "%(method)s follows one class token, and %(model)s has two: its distillation token has a "
            "classifier of its own. Choose the model without distillation."
        )
    if not attention.get("class_token") or not attention.get("class_token_decides"):
        return (
            "%(method)s follows the class token, and %(model)s does not classify by one. "
            "Choose a vision transformer with a class token."
        )
    return None


_RULES: Mapping[Need, Callable[[str | None, Facts], str | None]] = {
    "convolutional_layer": _convolutional_layer,
    "gradients": _gradients,
    "attention": _attention,
    "linear_head": _linear_head,
    "relu": _relu,
}
