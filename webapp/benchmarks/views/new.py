"""The page of a new benchmark. Every change asks the server again, so that the form never contradicts itself."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from saliency_core.errors import ParameterError
from webapp.benchmarks import services
from webapp.benchmarks.estimates import Estimate, estimate_benchmark
from webapp.benchmarks.forms import BenchmarkForm, changes_only
from webapp.benchmarks.labels import parse_tags
from webapp.benchmarks.methods import title_of
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.submissions import little_room, queue_together


@require_http_methods(["GET", "POST"])
@login_required
def new(request: HttpRequest) -> HttpResponse:
    """Shows the form as the address says, changes what is chosen, or queues the benchmark."""
    by_script = "HX-Request" in request.headers
    sent = request.POST if request.method == "POST" else request.GET
    if changes_only(sent) and not by_script:
        form = BenchmarkForm(None, owner=request.user, chosen=sent)
        return redirect(f"{reverse('benchmarks:new')}?{form.address()}")
    posted = request.method == "POST"
    form = BenchmarkForm(
        request.POST if posted else None, owner=request.user, chosen=request.GET, files=request.FILES or None
    )
    if posted and form.is_valid():
        try:
            queued = _queue(form)
        except ValidationError as refusal:
            form.refuse(refusal)
        else:
            return _to_what_was_queued(request, queued)
    status = 422 if posted and form.has_errors else 200
    response = render(
        request, "benchmarks/new.html", {"form": form, **_estimate_context(form)}, status=status
    )
    if by_script:
        response["HX-Push-Url"] = f"{reverse('benchmarks:new')}?{form.address()}"
    return response


@require_GET
@login_required
def expected_time(request: HttpRequest) -> HttpResponse:
    """The estimate, and the presets that it is of, for what the address says: asked for as values are typed."""
    form = BenchmarkForm(None, owner=request.user, chosen=request.GET)
    return render(request, "benchmarks/parts/expected_time.html", {"form": form, **_estimate_context(form)})


def _queue(form: BenchmarkForm) -> list[Benchmark]:
    """One benchmark, or one for each model where several are ticked."""
    cleaned = form.cleaned_data
    fields = {
        "dataset": cleaned["dataset"],
        "number_of_images": cleaned["number_of_images"],
        "subset_seed": cleaned["subset_seed"],
        "stratified": cleaned["stratified"],
        "precision": cleaned["precision"],
        "priority": cleaned["priority"],
        "device_label": cleaned["device_label"],
        "experiments": form.specified_experiments,
        "class_mapping": cleaned["explicit_mapping"],
        "name": cleaned["name"],
        "tags": parse_tags(cleaned["tags"]),
    }
    if form.plans:
        return queue_together(owner=form.owner, plans=form.plans, **fields)
    return [
        services.create_benchmark(
            owner=form.owner, classifier=cleaned["classifier"], methods=form.specified_methods, **fields
        )
    ]


def _to_what_was_queued(request: HttpRequest, queued: list[Benchmark]) -> HttpResponse:
    if len(queued) == 1:
        return redirect("benchmarks:detail", pk=queued[0].pk)
    numbers = ", ".join(f"#{benchmark.pk}" for benchmark in queued)
    messages.success(request, _("Queued together: %(numbers)s.") % {"numbers": numbers})
    return redirect("benchmarks:list")


def _estimate_context(form: BenchmarkForm) -> dict[str, Any]:
    """The estimate, and its part for each method; none while something is missing or out of its bounds."""
    found = _estimate(form)
    methods = form.specified_methods
    costs = list(zip(map(title_of, methods), found.methods, strict=True)) if found else []
    return {"estimate": found, "costs": costs, "little_room": little_room(), **_plans_context(form)}


def _plans_context(form: BenchmarkForm) -> dict[str, Any]:
    """Of several models: what each costs, and all together; the sum is None while that of one is not known."""
    estimates = [plan.estimate for plan in form.plans if plan.methods]
    seconds = [each.seconds if each else None for each in estimates]
    total = None if None in seconds else sum(each for each in seconds if each is not None)
    return {"plans": form.plans, "total_seconds": total}


def _estimate(form: BenchmarkForm) -> Estimate | None:
    methods, experiments = form.specified_methods, form.specified_experiments
    if form.chosen_classifier is None or form.chosen_dataset is None or not methods or not experiments:
        return None
    try:
        return estimate_benchmark(
            classifier=form.chosen_classifier,
            methods=methods,
            experiments=experiments,
            images=form.images,
            precision=form.chosen_precision,
            device_label=form.chosen_label,
        )
    except ParameterError:
        # A value out of its bounds: the field says so when the form is sent.
        return None
