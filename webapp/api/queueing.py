"""From a request that has the right shape to the benchmarks' own services: the one place that knows what they take."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rest_framework.exceptions import ValidationError

from webapp.accounts.models import User
from webapp.benchmarks.estimates import estimate_benchmark
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.refusals import problems_of_the_images, problems_of_the_work
from webapp.benchmarks.services import create_benchmark


def queue(owner: User, asked: dict[str, Any]) -> Benchmark:
    """Queues what is asked for. Raises ValidationError; the service's places are the request's paths."""
    return create_benchmark(owner=owner, **asked)


def expected(asked: dict[str, Any]) -> dict[str, Any]:
    """The expected time of what is asked for. Raises ValidationError for all that would not be queued."""
    problems = problems_of_the_images(asked["dataset"], asked["number_of_images"], asked["stratified"])
    problems |= problems_of_the_work(
        asked["classifier"], asked["dataset"], asked["methods"], asked["experiments"], asked["class_mapping"]
    )
    if problems:
        raise ValidationError(problems)
    found = estimate_benchmark(
        classifier=asked["classifier"],
        methods=asked["methods"],
        experiments=asked["experiments"],
        images=asked["number_of_images"],
        precision=asked["precision"],
        device_label=asked["device_label"],
    )
    return asdict(found)
