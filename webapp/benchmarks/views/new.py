"""The page of a new benchmark. Every change asks the server again, so that the form never contradicts itself."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import experiment_description, protocol
from webapp.benchmarks import services
from webapp.benchmarks.estimates import Estimate, estimate
from webapp.benchmarks.forms import BenchmarkForm
from webapp.benchmarks.protocol_facts import protocol_facts


@require_http_methods(["GET", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Shows the form as the address says, or queues the benchmark."""
    form = BenchmarkForm(
        request.POST if request.method == "POST" else None, owner=request.user, chosen=request.GET
    )
    if request.method == "POST" and form.is_valid():
        try:
            benchmark = _queue(form)
        except ValidationError as refusal:
            form.refuse(refusal)
        else:
            return redirect("benchmarks:detail", pk=benchmark.pk)
    experiment, protocol_name = form.experiment_and_protocol
    context = {
        "form": form,
        "experiment": experiment_description(experiment),
        "protocol": protocol(experiment, protocol_name),
        "protocol_facts": protocol_facts(protocol(experiment, protocol_name)),
        **_estimate_context(form),
    }
    return render(request, "benchmarks/new.html", context, status=422 if form.errors else 200)


@require_GET
@login_required
def expected_time(request: HttpRequest) -> HttpResponse:
    """The estimate alone, for what the address says: asked for while a number is being typed."""
    form = BenchmarkForm(None, owner=request.user, chosen=request.GET)
    return render(request, "benchmarks/parts/estimate.html", {"form": form, **_estimate_context(form)})


def _queue(form: BenchmarkForm) -> Any:
    cleaned = form.cleaned_data
    experiment, protocol_name = form.experiment_and_protocol
    return services.queue_benchmark(
        owner=form.owner,
        classifier=cleaned["classifier"],
        dataset=cleaned["dataset"],
        number_of_images=cleaned["number_of_images"],
        subset_seed=cleaned["subset_seed"],
        method=cleaned["method"],
        parameters=form.parameters(cleaned),
        experiment=experiment,
        protocol=protocol_name,
    )


def _estimate_context(form: BenchmarkForm) -> dict[str, Any]:
    """The estimate, and why the method can't explain the model if it can't."""
    if form.chosen_classifier is None or form.chosen_dataset is None:
        return {"estimate": None, "not_applicable": None}
    method = form.method_description.key
    return {
        "estimate": _estimate(form, method),
        "not_applicable": services.why_not_applicable(form.chosen_classifier, method),
    }


def _estimate(form: BenchmarkForm, method: str) -> Estimate | None:
    values = {**form.values(), **getattr(form, "cleaned_data", {})}
    experiment, protocol_name = form.experiment_and_protocol
    images = values["number_of_images"] or 1
    try:
        return estimate(
            classifier=form.chosen_classifier,
            method=method,
            parameters=form.parameters(values),
            experiment=experiment,
            protocol=protocol_name,
            images=images,
        )
    except ParameterError:
        # A value out of its bounds: the field says so when the form is sent.
        return None
