"""What members do to benchmarks."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from saliency_core.errors import ParameterError
from saliency_core.methods.applicability import obstacle
from saliency_core.methods.registry import method_description
from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.specification import build_specification
from webapp.common import hints
from webapp.library.models import Classifier, Dataset
from webapp.library.services import request_preparation


@transaction.atomic
def queue_benchmark(
    *,
    owner: User,
    classifier: Classifier,
    dataset: Dataset,
    number_of_images: int,
    subset_seed: int = 0,
    method: str,
    parameters: dict[str, Any],
    experiment: str,
    protocol: str,
) -> Benchmark:
    """Checks, freezes and queues a benchmark; asks for the classifier's weights if they are not there yet.

    Raises ValidationError, by field, saying what to change.
    """
    if not 1 <= number_of_images <= dataset.number_of_images:
        raise ValidationError(
            {"number_of_images": _("Choose between 1 and %(count)d images: that is what %(name)s has.")
             % {"count": dataset.number_of_images, "name": dataset.name}}
        )  # fmt: skip
    problem = why_not_applicable(classifier, method)
    if problem:
        raise ValidationError({"method": problem})
    layers = [layer["name"] for layer in classifier.layers]
    for parameter in method_description(method).parameters:
        chosen = parameters.get(parameter.name)
        if parameter.kind == "layer" and chosen and chosen not in layers:
            raise ValidationError(
                {parameter.name: _("%(model)s has no explainable layer “%(layer)s”. Choose one of the list.")
                 % {"model": classifier.name, "layer": chosen}}
            )  # fmt: skip
    try:
        specification = build_specification(
            classifier=classifier,
            dataset=dataset,
            number_of_images=number_of_images,
            subset_seed=subset_seed,
            method=method,
            parameters=parameters,
            experiment=experiment,
            protocol=protocol,
        )
    except ParameterError as refused:
        raise ValidationError(str(refused)) from refused
    benchmark = Benchmark.objects.create(
        owner=owner,
        classifier=classifier,
        dataset=dataset,
        specification=specification,
        number_of_images=number_of_images,
    )
    record_event(benchmark, "queued")
    request_preparation(classifier)
    hints.wake_benchmark_workers()
    return benchmark


def why_not_applicable(classifier: Classifier, method: str) -> str | None:
    """Why a method can't explain a classifier, or None if it can."""
    description = method_description(method)
    # One that was prepared before there were facts, or not at all, is judged by its family alone.
    problem = obstacle(description, {**classifier.description, "family": classifier.family})
    return problem and _(problem) % {"method": _(description.title), "model": classifier.name}


def cancel_benchmark(benchmark: Benchmark) -> None:
    """Stops a benchmark within one batch; what is done stays and can be resumed."""
    transitions.cancel(benchmark)


@transaction.atomic
def resume_benchmark(benchmark: Benchmark) -> None:
    """Goes on where a failed or cancelled benchmark stopped."""
    transitions.resume(benchmark)
    request_preparation(benchmark.classifier)
    hints.wake_benchmark_workers()
