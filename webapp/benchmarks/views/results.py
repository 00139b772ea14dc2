"""What a benchmark has found: the tables of images and classes, and maps of the images."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from webapp.benchmarks.experiment_page import ExperimentPage
from webapp.benchmarks.image_table import PAGE_SIZE, image_table
from webapp.benchmarks.keeping import Access
from webapp.benchmarks.models import Benchmark, Shard
from webapp.benchmarks.payloads import explanation_payload
from webapp.benchmarks.results import columns_of
from webapp.benchmarks.selectors import benchmarks_for
from webapp.benchmarks.sharing import may_see_images
from webapp.benchmarks.specification import preprocessing_under
from webapp.benchmarks.studio_links import studio_address
from webapp.studio.preprocessings import written
from webapp.studio.services import explain_benchmark_images


@require_GET
@login_required
def images(request: HttpRequest, pk: int) -> HttpResponse:
    """The table of images alone; `sort`, `page`, `find` and `class` in the address are the page's."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    shown = ExperimentPage(benchmark, request.GET)
    context = {"benchmark": benchmark, "shown": shown, **images_context(request, shown)}
    return render(request, "benchmarks/parts/images.html", context)


@require_GET
@login_required
def classes(request: HttpRequest, pk: int) -> HttpResponse:
    """The table of classes alone; `class_sort` and `class_page` in the address are the page's."""
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    shown = ExperimentPage(benchmark, request.GET)
    context = {"benchmark": benchmark, "shown": shown, "classes": shown.classes()}
    return render(request, "benchmarks/parts/classes.html", context)


def images_context(
    request: HttpRequest, shown: ExperimentPage, access: Access | None = None
) -> dict[str, Any]:
    access = access or Access(request.user, shown.benchmark)
    asked = {name: request.GET.get(name, "") for name in ("sort", "page", "find")}
    table = image_table(shown.units(), **asked, class_name=request.GET.get("class", ""))
    if access.images:
        chosen = shown.maps if not shown.single else [0]
        applied = written(preprocessing_under(shown.benchmark.specification, shown.index))
        for row in table.rows:
            row["studio"] = studio_address(shown.benchmark, chosen, row["image"], row["target"], applied)
    return {
        "table": table,
        # What a search leaves as it is.
        "rest_of_address": [
            (name, value)
            for name, values in request.GET.lists()
            if name not in ("find", "class", "page")
            for value in values
        ],
        "images_visible": access.images,
        "shards_done": shown.benchmark.shards.filter(state=Shard.State.DONE).count(),
    }


@require_POST
@login_required
def maps(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for one method's maps of up to one page of images; those that are ready come at once, the others by the
    socket. `image`s with their `target`s as the table names them; without targets an image's first.
    """
    benchmark = get_object_or_404(benchmarks_for(request.user), pk=pk)
    if not may_see_images(request.user, benchmark):
        raise Http404
    methods, experiments = (len(benchmark.specification[key]) for key in ("methods", "experiments"))
    place = _index(request.POST.get("method"), methods), _index(request.POST.get("experiment"), experiments)
    return JsonResponse({"maps": asked_maps(request, benchmark, place)})


def asked_maps(request: HttpRequest, benchmark: Benchmark, place: tuple[int, int]) -> list[dict[str, Any]]:
    """The maps of one method that a page asks for, as far as they are there."""
    asked = request.POST.getlist("image")[:PAGE_SIZE]
    targets = request.POST.getlist("target")[:PAGE_SIZE]
    wanted = measured_units(benchmark, place, asked, targets)
    found: list[dict[str, Any]] = []
    while wanted:
        # The service answers by image: classes of one image are asked for one after the other.
        turn = dict(reversed(wanted))
        explanations = explain_benchmark_images(
            owner=request.user,
            benchmark=benchmark,
            images=turn.items(),
            method_index=place[0],
            experiment_index=place[1],
        )
        found += [
            {
                "image": name,
                "target": turn[name],
                "method": place[0],
                **explanation_payload(explanation),
            }
            for name, explanation in explanations.items()
        ]
        wanted = [each for each in wanted if turn[each[0]] != each[1]]
    return sorted(found, key=lambda each: asked.index(each["image"]))


def measured_units(
    benchmark: Benchmark, place: tuple[int, int], asked: list[str], targets: list[str]
) -> list[tuple[str, int]]:
    """Those pairs of image and target that the method has figures of."""
    columns = columns_of(benchmark, place, with_curves=False)
    names = set(asked)
    known: dict[str, list[int]] = {}
    for name, target in zip(columns.images, columns.scalars.get("target", ()), strict=True):
        if name in names:
            known.setdefault(name, []).append(int(target))
    if len(targets) != len(asked):
        return [(name, known[name][0]) for name in dict.fromkeys(asked) if name in known]
    pairs = dict.fromkeys(zip(asked, targets, strict=True))
    return [
        (name, int(target))
        for name, target in pairs
        if target.isdecimal() and len(target) < 9 and int(target) in known.get(name, ())
    ]


def _index(text: str | None, count: int) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 6 and int(text) < count else 0
