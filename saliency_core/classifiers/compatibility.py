"""What can be done with a classifier, found out by trying: a report for the page of a model and the command line.

Which methods apply is told by methods.applicability from a description alone; here is what needs the weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from saliency_core.classifiers.classifier import Classifier, number_of_parameters
from saliency_core.errors import SaliscopeError
from saliency_core.lazy import torch
from saliency_core.methods.applicability import obstacle
from saliency_core.methods.registry import create_method, method_description, method_descriptions

if TYPE_CHECKING:
    from PIL.Image import Image

REPORT_VERSION = 1
TOP_CLASSES = 5
RELEVANCE_METHODS = ("lrp", "vit_lrp", "transformer_attribution")


@dataclass(frozen=True)
class Applicability:
    """A method and why it cannot explain the classifier, %(method)s and %(model)s in it; None if it can."""

    method: str
    reason: str | None


@dataclass(frozen=True)
class Conservation:
    """How well a method that passes on relevance keeps its total, on one photograph, for the class found there.

    ``expected``: the total as the method promises it; ``error``: how far the total was from it (for LRP ΣR − S_c,
    where biases keep their share; for transformers what their documentation says); None where the method refuses.
    """

    method: str
    image: str
    target: int
    expected: float | None
    error: float | None
    problem: str | None = None


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of a photograph, best first, with their probabilities."""

    image: str
    classes: tuple[int, ...]
    probabilities: tuple[float, ...]


def compatibility_report(
    classifier: Classifier,
    photographs: Sequence[tuple[str, Image]],
    refusals: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """JSON-able: ``version``, ``parameters``, ``methods``, ``relus``, ``normalisation``, ``tokens``, ``relevance``,
    ``predictions``, ``batch_difference``.

    ``photographs``: name and RGB image, at least one. ``refusals``: those of the classifier's description, where it
    is there already. ``relus``: how many run, as modules, functions, in place, and
    modules that run more than once. ``normalisation``: layers by kind; ``batch_norm`` has two figures, those that
    directly follow a convolution or linear layer, into which LRP folds them, and others. ``tokens``: None but for
    transformers. ``batch_difference``: the largest difference that other images in the batch make to a score.
    """
    images = torch.stack([classifier.preprocessing.prepare(image) for _, image in photographs])
    images = images.to(classifier.device)
    names = [name for name, _ in photographs]
    facts = classifier.facts.to_dict()
    return {
        "version": REPORT_VERSION,
        "parameters": number_of_parameters(classifier.model),
        "methods": [asdict(each) for each in applicabilities(classifier, refusals)],
        "relus": relus(facts),
        "normalisation": normalisation(classifier),
        "tokens": facts["attention"],
        "relevance": [asdict(each) for each in conservations(classifier, names[0], images[:1])],
        "predictions": [asdict(each) for each in predictions(classifier, names, images)],
        "batch_difference": batch_difference(classifier, images),
    }


def applicabilities(classifier: Classifier, refusals: Mapping[str, str] | None = None) -> list[Applicability]:
    """Every method; each that applies by the facts is made once, unless ``refusals`` (by key) are known."""
    from saliency_core.methods import applicability

    known = applicability.refusals(classifier) if refusals is None else refusals
    traits = {**classifier.traits(), "refusals": known}
    return [Applicability(each.key, obstacle(each, traits)) for each in method_descriptions()]


def relus(facts: Mapping[str, Any]) -> dict[str, int | None]:
    """The part of a classifier's facts that is about ReLUs, under shorter names."""
    return {
        "modules": facts["relu_modules"],
        "functional": facts["functional_relus"],
        "in_place": facts["inplace_relus"],
        "reused": facts["reused_relus"],
    }


def normalisation(classifier: Classifier) -> dict[str, int]:
    """Layers that normalise: batch_norm_folded, batch_norm_other, layer_norm, group_norm.

    Counted in one forward pass, as calls: a function counts like a module, and one that runs twice counts twice.
    """
    affine: set[int] = set()
    counts = {"batch_norm_folded": 0, "batch_norm_other": 0, "layer_norm": 0, "group_norm": 0}
    kept: list[torch.Tensor] = []  # so that no id is given twice

    class Counter(torch.overrides.TorchFunctionMode):  # type: ignore[misc,unused-ignore]
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            name = getattr(function, "__name__", "")
            if name in ("conv1d", "conv2d", "linear"):
                affine.add(id(result))
                kept.append(result)
            elif name == "batch_norm" and function is torch.nn.functional.batch_norm:
                counts["batch_norm_folded" if id(args[0]) in affine else "batch_norm_other"] += 1
            elif name in ("layer_norm", "group_norm") and function is getattr(torch.nn.functional, name):
                counts[name] += 1
            return result

    size = classifier.preprocessing.size
    with torch.no_grad(), Counter():
        classifier.logits(torch.zeros(1, 3, size, size, device=classifier.device))
    return counts


def conservations(classifier: Classifier, image: str, pixels: torch.Tensor) -> list[Conservation]:
    """Of every relevance method that is meant for the classifier's family; ``pixels`` [1, 3, H, W]."""
    target, _ = classifier.predict(pixels)
    with torch.no_grad():
        logit = float(classifier.logits(pixels)[0, target[0]])
    found = []
    for key in RELEVANCE_METHODS:
        if (key == "lrp") == (classifier.family == "vit"):
            continue
        problem, error, expected = None, None, None
        try:
            extras = create_method(key, classifier).explain(pixels, target).extras
            error = float(extras["conservation_error"][0])
            expected = logit if key == "lrp" else 1.0
        except SaliscopeError as refused:
            problem = str(refused)
            reason = obstacle(method_description(key), classifier.traits())
            if reason is not None:
                problem = reason % {"method": method_description(key).title, "model": classifier.title}
        found.append(Conservation(key, image, int(target[0]), expected, error, problem))
    return found


def predictions(classifier: Classifier, names: Sequence[str], images: torch.Tensor) -> list[Prediction]:
    """The top classes of every photograph, each classified by itself; ``images`` [B, 3, H, W]."""
    found = []
    for name, image in zip(names, images, strict=True):
        classes, probabilities = classifier.top_classes(image[None], TOP_CLASSES)
        found.append(Prediction(name, tuple(classes[0].tolist()), tuple(probabilities[0].tolist())))
    return found


def batch_difference(classifier: Classifier, images: torch.Tensor) -> float:
    """How far the first image's scores alone and among others are apart, at most, in logits."""
    with torch.no_grad():
        alone, together = classifier.logits(images[:1]), classifier.logits(images)
    return float((alone - together[:1]).abs().max())
