"""What a benchmark is refused for, by place: every problem at once, each as a sentence that says what to change.

Places: "number_of_images", "stratified", "class_mapping", "methods" and "experiments" as a whole, "methods.0.key",
"methods.0.parameters.layer", "methods.0.enhancement.stride", "experiments.0".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.descriptions import Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError
from saliency_core.experiments.base import experiment_description
from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.methods.registry import method_description
from webapp.benchmarks.class_mappings import Explicit, class_labels_count, why_not_mapped
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.specification import resolved_method
from webapp.benchmarks.suitability import why_not_applicable, why_not_measurable
from webapp.library.models import Classifier, Dataset
from webapp.reasons.showing import shown_reason

MOST_METHODS = 40
MOST_EXPERIMENTS = 12

Problems = dict[str, list[str]]


def problems_of_the_work(
    classifier: Classifier,
    dataset: Dataset,
    methods: Sequence[Mapping[str, Any]],
    experiments: Sequence[Mapping[str, str]],
    class_mapping: Explicit | None = None,
) -> Problems:
    """Of methods, experiments and, where those two are in order, what the classes are called."""
    problems = _problems_of_the_methods(classifier, methods)
    problems |= _problems_of_the_experiments(classifier, dataset, experiments)
    if not problems and class_labels_count(experiments):
        unmapped = why_not_mapped(classifier, dataset, class_mapping)
        problems |= {"class_mapping": [unmapped]} if unmapped else {}
    return problems


def refusal_now(benchmark: Benchmark) -> str | None:
    """Why a queued benchmark can't be measured after all, now that its model is known; None if it can."""
    specification = benchmark.specification
    # Shards are cut by the one number, images chosen by the other, and a backup may come from anywhere.
    if benchmark.number_of_images != specification["subset"]["count"]:
        return _("Its number of images is not that of its specification: queue a new benchmark.")
    problems = problems_of_the_images(_measured_dataset(benchmark), benchmark.number_of_images, False)
    problems |= problems_of_the_work(
        benchmark.classifier,
        benchmark.dataset,
        specification["methods"],
        specification["experiments"],
        specification.get("class_mapping"),
    )
    return " ".join(dict.fromkeys(text for texts in problems.values() for text in texts)) or None


def _measured_dataset(benchmark: Benchmark) -> Dataset:
    """The one whose images are measured: where its own row is not what the specification names, as after a restoring
    without images, that may be another one that its owner sees.
    """
    fingerprint = benchmark.specification["dataset"]["fingerprint"]
    if benchmark.dataset.fingerprint == fingerprint:
        return benchmark.dataset
    sets = Dataset.objects.visible_to(benchmark.owner)
    return sets.filter(fingerprint=fingerprint, state=Dataset.State.READY).first() or benchmark.dataset


def problems_of_the_images(dataset: Dataset, number_of_images: int, stratified: bool) -> Problems:
    problems = {}
    names = {"count": dataset.number_of_images, "name": dataset.name}
    if not 1 <= number_of_images <= dataset.number_of_images:
        problems["number_of_images"] = [
            _("Choose between 1 and %(count)d images: that is what %(name)s has.") % names
        ]
    if stratified and "label" not in dataset.ground_truth:
        problems["stratified"] = [
            _("%(name)s has no labels, so its classes can't have their share: untick this.") % names
        ]
    return problems


def _problems_of_the_methods(classifier: Classifier, methods: Sequence[Mapping[str, Any]]) -> Problems:
    if not methods:
        return {"methods": [_("Add at least one method.")]}
    if len(methods) > MOST_METHODS:
        sentence = _(
            "A benchmark takes at most %(most)d methods, variants with enhancement included; these are %(count)d."
        )
        return {"methods": [sentence % {"most": MOST_METHODS, "count": len(methods)}]}
    problems: Problems = {}
    seen: list[dict[str, Any]] = []
    for number, method in enumerate(methods):
        found = _problems_of_a_method(classifier, method)
        if not found:
            specified = resolved_method(method, classifier)
            if specified in seen:
                found["key"] = [
                    _("%(method)s is there twice with the same settings: remove one or change it.")
                    % {"method": title_of(specified)}
                ]
            seen.append(specified)
        problems |= {f"methods.{number}.{place}": texts for place, texts in found.items()}
    return problems


def _problems_of_a_method(classifier: Classifier, method: Mapping[str, Any]) -> Problems:
    """By "key", "parameters.layer", "enhancement.stride"."""
    try:
        description = method_description(method["key"])
    except ParameterError as unknown:
        return {"key": [shown_reason(str(unknown))]}
    reason = why_not_applicable(classifier, method["key"])
    problems = {"key": [reason]} if reason else {}
    parameters, enhancement = method.get("parameters") or {}, method.get("enhancement")
    problems |= _problems_of_values(description.parameter, parameters, "parameters")
    if enhancement is not None:
        problems |= _problems_of_values(SLIDING_WINDOW.parameter, enhancement, "enhancement")
    # The usual layer of a built-in model is in its specification even where the model's own list leaves it out.
    layers = [*(layer["name"] for layer in classifier.layers), classifier.default_layer]
    for parameter in description.parameters:
        chosen = parameters.get(parameter.name)
        if parameter.kind == "layer" and chosen and chosen not in layers:
            problems[f"parameters.{parameter.name}"] = [
                _("%(model)s has no explainable layer “%(layer)s”. Choose one of the list.")
                % {"model": classifier.name, "layer": chosen}
            ]
    return problems


def _problems_of_values(find: Callable[[str], Parameter], values: Mapping[str, Any], part: str) -> Problems:
    problems = {}
    for name, value in values.items():
        try:
            find(name).validate(value)
        except ParameterError as refused:
            problems[f"{part}.{name}"] = [shown_reason(str(refused))]
    return problems


def _problems_of_the_experiments(
    classifier: Classifier, dataset: Dataset, experiments: Sequence[Mapping[str, str]]
) -> Problems:
    if not experiments:
        return {"experiments": [_("Choose at least one experiment.")]}
    if len(experiments) > MOST_EXPERIMENTS:
        return {
            "experiments": [
                _("A benchmark takes at most %(most)d experiments; these are %(count)d.")
                % {"most": MOST_EXPERIMENTS, "count": len(experiments)}
            ]
        }
    problems: Problems = {}
    seen: set[tuple[str, str]] = set()
    for number, each in enumerate(experiments):
        place = f"experiments.{number}"
        key, name = each["key"], each["protocol"]
        try:
            find_protocol(key, name)
        except ParameterError as unknown:
            problems[place] = [shown_reason(str(unknown))]
            continue
        hindrance = why_not_measurable(classifier, dataset, key, name)
        if hindrance:
            problems[place] = [hindrance.sentence]
        elif (key, name) in seen:
            problems[place] = [
                _("%(experiment)s (%(protocol)s) is there twice: remove one.")
                % {"experiment": _(experiment_description(key).title), "protocol": name}
            ]
        seen.add((key, name))
    return problems
