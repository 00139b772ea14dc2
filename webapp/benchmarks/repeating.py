"""A benchmark once more: queued again as it is, or as the beginning of a new one."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from saliency_core.descriptions import Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.methods.registry import method_description
from webapp.accounts.models import User
from webapp.benchmarks.forms import OWN_LIST
from webapp.benchmarks.method_form import ENHANCEMENT_PREFIX, PREFIX, WITH
from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.presets import OWN
from webapp.benchmarks.priorities import USUAL_PRIORITY
from webapp.benchmarks.services import create_benchmark
from webapp.benchmarks.sharing import may_see_images


def rerun_benchmark(benchmark: Benchmark, *, owner: User) -> Benchmark:
    """Queues the same specification again, with the model and the data set as they are now. Raises ValidationError."""
    if not may_see_images(owner, benchmark):
        raise ValidationError(
            _("Its model or its data set is not there for you any more, so it can't be run again.")
        )
    specification = benchmark.specification
    return create_benchmark(
        owner=owner,
        classifier=benchmark.classifier,
        dataset=benchmark.dataset,
        number_of_images=specification["subset"]["count"],
        subset_seed=specification["subset"]["seed"],
        stratified=specification["subset"].get("stratified", False),
        methods=specification["methods"],
        experiments=specification["experiments"],
        class_mapping=specification.get("class_mapping"),
        precision=specification["precision"],
        priority="low" if benchmark.priority_name == "low" else USUAL_PRIORITY,
        device_label=benchmark.device_label,
        name=benchmark.name,
        tags=list(benchmark.tags.values_list("name", flat=True)),
        origin=benchmark,
    )


def clone_address(benchmark: Benchmark) -> str:
    """The query of the address of a new benchmark's form that is filled in with this one's specification."""
    specification = benchmark.specification
    subset = specification["subset"]
    state: list[tuple[str, str]] = [
        ("sent", "1"),
        ("classifier", str(benchmark.classifier_id)),
        ("dataset", str(benchmark.dataset_id)),
        ("number_of_images", str(subset["count"])),
        ("subset_seed", str(subset["seed"])),
        ("name", benchmark.name),
        ("stratified", "on" if subset.get("stratified") else ""),
        ("precision", specification["precision"]),
        ("priority", benchmark.priority_name),
        ("device_label", benchmark.device_label),
    ]
    state += [("experiment", f"{each['key']}/{each['protocol']}") for each in specification["experiments"]]
    if specification.get("class_mapping"):
        state += [
            ("class_mapping", OWN_LIST),
            ("class_list", _class_list(specification["class_mapping"])),
        ]
    for number, method in enumerate(specification["methods"]):
        state += [(f"method-{number}-{name}", value) for name, value in _method_fields(method).items()]
    return urlencode([(name, value) for name, value in state if value])


def _method_fields(method: Mapping[str, Any]) -> dict[str, str]:
    enhancement = enhancement_of(method)
    fields = {
        "key": method["key"],
        # Says that the fields were there, so that a box that is not named is one that is not ticked.
        "shown": f"{OWN}/{'' if enhancement is None else 'enhanced'}",
        **_values(method_description(method["key"]).parameters, method["parameters"], PREFIX),
    }
    if enhancement is not None:
        fields |= {"enhance": WITH, **_values(SLIDING_WINDOW.parameters, enhancement, ENHANCEMENT_PREFIX)}
    return fields


def _values(parameters: Sequence[Parameter], values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    found = {}
    for parameter in parameters:
        value = values.get(parameter.name)
        if parameter.kind == "boolean":
            found[prefix + parameter.name] = "on" if value else ""
        elif value is not None:
            found[prefix + parameter.name] = parameter.text(value)
    return found


def _class_list(mapping: Mapping[str, Sequence[str]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["label", "class"])
    for label, classes in mapping.items():
        writer.writerows([[label, each] for each in classes] or [[label, ""]])
    return text.getvalue()
