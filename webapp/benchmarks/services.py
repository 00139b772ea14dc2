"""What members do to benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.benchmarks import transitions
from webapp.benchmarks.events import record_event
from webapp.benchmarks.labels import label_benchmark, label_problems
from webapp.benchmarks.limits import unfinished_problem
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.priorities import USUAL_PRIORITY, priority_problem
from webapp.benchmarks.refusals import problems_of_the_images, problems_of_the_work
from webapp.benchmarks.specification import PRECISIONS, USUAL_PRECISION, build_specification
from webapp.benchmarks.suitability import why_not_applicable
from webapp.common import hints
from webapp.device_labels import LONGEST, is_label
from webapp.library.models import Classifier, Dataset
from webapp.library.services import request_preparation

__all__ = [
    "cancel_benchmark",
    "create_benchmark",
    "pause_benchmark",
    "resume_benchmark",
    "why_not_applicable",
]


@transaction.atomic
def create_benchmark(
    *,
    owner: User,
    classifier: Classifier,
    dataset: Dataset,
    number_of_images: int,
    methods: Sequence[Mapping[str, Any]],
    experiments: Sequence[Mapping[str, str]],
    subset_seed: int = 0,
    class_mapping: Mapping[str, Sequence[str]] | None = None,
    stratified: bool = False,
    name: str = "",
    tags: Sequence[str] = (),
    submission: UUID | None = None,
    origin: Benchmark | None = None,
    precision: str = USUAL_PRECISION,
    priority: str = USUAL_PRIORITY,
    device_label: str = "",
) -> Benchmark:
    """Checks, freezes and queues a benchmark; asks for the classifier's weights if they are not there yet.

    `methods`: each a `key` with `parameters` and `enhancement` (its parameters, None without it); `experiments`: each
    a `key` and a `protocol`. `class_mapping`: label → what the model calls it (see saliency_core.datasets.mapping),
    where the data set's own names do not do. `stratified`: every class has its share of the images. `submission`: the
    same for all that are queued together; `origin`: the benchmark that this one repeats. `precision`: one of
    specification.PRECISIONS; `priority`: one of priorities.PRIORITIES; `device_label`: that of the workers
    which may take it, empty for any.

    Raises ValidationError saying what to change, by place: "name", "tags", "number_of_images", "stratified",
    "class_mapping", "methods" and "experiments" as a whole, "methods.0.key", "methods.0.parameters.layer",
    "methods.0.enhancement.stride", "experiments.0", "precision", "priority", "device_label"; and with no place if the
    member has as many unfinished ones as they may.
    """
    problems = problems_of_the_images(dataset, number_of_images, stratified)
    problems |= problems_of_the_work(classifier, dataset, methods, experiments, class_mapping)
    problems |= label_problems(name=name, tags=tags)
    if precision not in PRECISIONS:
        problems["precision"] = _("The precision is one of %(choices)s.") % {"choices": ", ".join(PRECISIONS)}
    if refused := priority_problem(priority, owner):
        problems["priority"] = refused
    if device_label and not is_label(device_label):
        problems["device_label"] = _(
            "A label has small letters, digits, dots, hyphens and underscores, at most %(most)d of them."
        ) % {"most": LONGEST}
    if refused := unfinished_problem(owner):
        problems[NON_FIELD_ERRORS] = refused
    if problems:
        raise ValidationError(problems)
    specification = build_specification(
        classifier=classifier,
        dataset=dataset,
        number_of_images=number_of_images,
        subset_seed=subset_seed,
        methods=methods,
        experiments=experiments,
        class_mapping=class_mapping,
        stratified=stratified,
        precision=precision,
    )
    benchmark = Benchmark.objects.create(
        owner=owner,
        classifier=classifier,
        dataset=dataset,
        specification=specification,
        number_of_images=number_of_images,
        priority=Benchmark.Priority[priority.upper()],
        device_label=device_label,
        submission=submission,
        origin=origin,
    )
    label_benchmark(benchmark, name=name or None, tags=tags or None)
    record_event(benchmark, "queued")
    request_preparation(classifier)
    hints.wake_benchmark_workers()
    return benchmark


def cancel_benchmark(benchmark: Benchmark) -> None:
    """Stops a benchmark within one batch; what is done stays and can be resumed."""
    transitions.cancel(benchmark)


def pause_benchmark(benchmark: Benchmark) -> None:
    """Has no more of it claimed, and stops what is under way within one batch; what is done stays."""
    transitions.pause(benchmark)


@transaction.atomic
def resume_benchmark(benchmark: Benchmark) -> None:
    """Goes on where a paused, failed or cancelled benchmark stopped.

    Raises TransitionRefused, also if the member has as many unfinished ones as they may, paused ones included.
    """
    if not benchmark.is_unfinished and (refused := unfinished_problem(benchmark.owner)):
        raise transitions.TransitionRefused(refused)
    transitions.resume(benchmark)
    request_preparation(benchmark.classifier)
    hints.wake_benchmark_workers()
