"""Several models asked for at once: what each of them can be measured by, what it costs, and queueing them together."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from webapp.accounts.models import User
from webapp.benchmarks.class_mappings import Explicit
from webapp.benchmarks.estimates import Estimate, estimate_benchmark
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.refusals import problems_of_the_work
from webapp.benchmarks.services import create_benchmark
from webapp.benchmarks.specification import USUAL_PRECISION
from webapp.benchmarks.suitability import why_not_applicable
from webapp.library.models import Classifier, Dataset

MOST_MODELS = 20
LITTLE_ROOM_BYTES = 2_000_000_000

Methods = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class ModelPlan:
    """One model of several: the methods that apply to it, and those `left_out` (title, reason).

    `problems`: why it can't be queued. `estimate` is None while a value is out of its bounds.
    """

    classifier: Classifier
    methods: list[dict[str, Any]]
    left_out: list[tuple[str, str]]
    problems: list[str]
    estimate: Estimate | None


def plan_models(
    *,
    classifiers: Iterable[Classifier],
    dataset: Dataset,
    methods: Methods,
    experiments: Sequence[Mapping[str, str]],
    images: int,
    class_mapping: Explicit | None = None,
    precision: str = USUAL_PRECISION,
    device_label: str = "",
) -> list[ModelPlan]:
    """A plan for each model. A layer that a model does not have becomes its usual one."""
    return [
        _plan(each, dataset, methods, experiments, images, class_mapping, precision, device_label)
        for each in classifiers
    ]


@transaction.atomic
def queue_together(*, owner: User, plans: Sequence[ModelPlan], **fields: Any) -> list[Benchmark]:
    """One benchmark for each model, all or none, with one `submission`; `fields` as create_benchmark takes them.

    Raises ValidationError: of several models the sentences begin with the model's name.
    """
    together = uuid.uuid4()
    queued, refused = [], []
    for plan in plans:
        if not plan.methods:
            refused.append(_without_methods(plan.classifier))
            continue
        try:
            queued.append(
                create_benchmark(
                    owner=owner,
                    classifier=plan.classifier,
                    methods=plan.methods,
                    submission=together,
                    **fields,
                )
            )
        except ValidationError as refusal:
            refused += [f"{plan.classifier.name}: {text}" for text in dict.fromkeys(refusal.messages)]
    if refused:
        raise ValidationError(refused)
    return queued


def little_room() -> bool:
    """Whether the disk of the state directory is nearly full."""
    return shutil.disk_usage(settings.STATE_DIR).free < LITTLE_ROOM_BYTES


def _plan(
    classifier: Classifier,
    dataset: Dataset,
    methods: Methods,
    experiments: Sequence[Mapping[str, str]],
    images: int,
    class_mapping: Explicit | None,
    precision: str,
    device_label: str,
) -> ModelPlan:
    fitting: list[dict[str, Any]] = []
    left_out: dict[str, str] = {}
    for method in methods:
        reason = why_not_applicable(classifier, method["key"])
        if reason:
            left_out[title_of(method)] = reason
        else:
            fitting.append(_with_own_layers(method, classifier))
    if not fitting:
        return ModelPlan(classifier, [], list(left_out.items()), [_without_methods(classifier)], None)
    problems = problems_of_the_work(classifier, dataset, fitting, experiments, class_mapping)
    sentences = list(dict.fromkeys(text for texts in problems.values() for text in texts))
    try:
        estimate = estimate_benchmark(
            classifier=classifier,
            methods=fitting,
            experiments=experiments,
            images=images,
            precision=precision,
            device_label=device_label,
        )
    except ParameterError:
        estimate = None
    return ModelPlan(classifier, fitting, list(left_out.items()), sentences, estimate)


def _with_own_layers(method: Mapping[str, Any], classifier: Classifier) -> dict[str, Any]:
    known = {layer["name"] for layer in classifier.layers}
    kinds = {each.name: each.kind for each in method_description(method["key"]).parameters}
    parameters = {
        name: value
        for name, value in method.get("parameters", {}).items()
        if kinds.get(name) != "layer" or value in known
    }
    return {**method, "parameters": parameters}


def _without_methods(classifier: Classifier) -> str:
    return _("None of the methods can explain %(model)s: untick it, or add a method that can.") % {
        "model": classifier.name
    }
