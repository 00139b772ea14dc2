"""Pages about data sets: the list, one data set, its problems, its images with their ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from saliency_core.datasets.base import FORMATS
from saliency_core.errors import SaliscopeError
from webapp.library import dataset_selectors as selectors
from webapp.library.dataset_services import uses_of
from webapp.library.models import Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.library.truth import Colours, ShownImage, images_with, shown_image

DATASETS_PER_PAGE, CLASSES_PER_PAGE, PROBLEMS_PER_PAGE, IMAGES_PER_PAGE, IMAGES_AT_FIRST = 50, 25, 50, 24, 8
LAYERS = ("boxes", "masks", "labels")
FORMAT_TITLES = {each.key: each.title for each in FORMATS}


@require_GET
@login_required
def datasets(request: HttpRequest) -> HttpResponse:
    found = selectors.listed_datasets(request.user, request.GET)
    page = Paginator(found, DATASETS_PER_PAGE).get_page(request.GET.get("page"))
    waited_for = [each.pk for each in page.object_list if each.is_being_prepared]
    context = {
        "page": page,
        "rows": [(each, FORMAT_TITLES.get(each.format, "")) for each in page.object_list],
        "narrowed": bool(request.GET.get("q") or request.GET.get("whose")),
        "whose": request.GET.get("whose", ""),
        "socket": socket_address(waited_for),
    }
    return render(request, "library/datasets/list.html", context)


@require_GET
@login_required
def dataset(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Dataset.objects.visible_to(request.user).select_related("owner"), pk=pk)
    return dataset_page(request, found)


def dataset_page(request: HttpRequest, found: Dataset) -> HttpResponse:
    """The page of one data set, in whatever state it is."""
    context: dict[str, Any] = {
        "dataset": found,
        "format_title": FORMAT_TITLES.get(found.format, ""),
        "may_change": Dataset.objects.owned_by(request.user).filter(pk=found.pk).exists(),
        "socket": socket_address([found.pk] if found.is_being_prepared else []),
        "uses": uses_of(found),
    }
    if found.is_ready:
        survey = selectors.counted(found)
        chosen = selectors.mapped(request.user, found, request.GET.get("model", ""))
        rows = selectors.class_rows(found, request.GET, survey, chosen)
        context |= {
            "survey": survey,
            "number_of_boxes": survey.boxes.total() if survey else 0,
            "number_of_masks": survey.masks.total() if survey else 0,
            "chosen": chosen,
            "classifiers": classifiers_for(request.user).only("name"),
            "classes": Paginator(rows, CLASSES_PER_PAGE).get_page(request.GET.get("page")),
            "headings": class_headings(request.GET.get("sort", ""), found),
            "distribution": selectors.distribution(found),
            "problems": found.problems[:5],
            **_images(request, found, IMAGES_AT_FIRST),
        }
    return render(request, "library/datasets/detail.html", context)


@dataclass(frozen=True)
class Heading:
    """A column by which classes are sorted; `order`: how they are, `toggled`: what the address asks for next."""

    key: str
    title: str
    order: str
    toggled: str


def class_headings(sort: str, found: Dataset) -> list[Heading]:
    columns = [("label", _("Class")), ("images", _("Images"))]
    if "boxes" in found.ground_truth:
        columns.append(("boxes", _("Boxes")))
    if "masks" in found.ground_truth:
        columns.append(("masks", _("Segmentation masks")))
    headings = []
    for key, title in columns:
        order = {key: "ascending", f"-{key}": "descending"}.get(sort, "")
        # Counts are wanted with the greatest first.
        first, second = (key, f"-{key}") if key == "label" else (f"-{key}", key)
        headings.append(Heading(key, title, order, second if sort == first else first))
    return headings


@require_GET
@login_required
def problems(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(datasets_for(request.user), pk=pk)
    page = Paginator(found.problems, PROBLEMS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "library/datasets/problems.html", {"dataset": found, "page": page})


@require_GET
@login_required
def images(request: HttpRequest, pk: int) -> HttpResponse:
    """The gallery. `class` narrows it down, `hide` names what is not drawn (boxes, masks, labels)."""
    found = get_object_or_404(datasets_for(request.user), pk=pk)
    return render(
        request,
        "library/datasets/images.html",
        {"dataset": found, **_images(request, found, IMAGES_PER_PAGE)},
    )


@require_GET
@login_required
def image(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """One image, large, with its ground truth."""
    found = get_object_or_404(datasets_for(request.user), pk=pk)
    label = request.GET.get("class", "")
    context: dict[str, Any] = {"dataset": found, **_layers(request, found), "label": label}
    try:
        if index >= len(opened(found)):
            raise Http404
        shown = shown_image(found, index, Colours(found))
        among = list(images_with(found, label))
    except (SaliscopeError, OSError) as problem:
        context["problem"] = str(problem)
        return render(request, "library/datasets/image.html", context)
    position = among.index(index) if index in among else -1
    studio = urlencode({"dataset": found.pk, "image": shown.identifier})
    context |= {
        "image": shown,
        "previous": among[position - 1] if position > 0 else None,
        "next": among[position + 1] if 0 <= position < len(among) - 1 else None,
        "position": position + 1,
        "total": len(among),
        "gallery_page": max(0, position) // IMAGES_PER_PAGE + 1,
        "studio_address": f"{reverse('studio:maps')}?{studio}",
        "cut_outs_address": f"{reverse('studio:cut_outs')}?{studio}",
        "legend": legend([shown], Colours(found)),
    }
    return render(request, "library/datasets/image.html", context)


def _layers(request: HttpRequest, found: Dataset) -> dict[str, Any]:
    """What there is to draw, and what of it is drawn."""
    truth = set(found.ground_truth)
    there = {
        "boxes": "boxes" in truth,
        "masks": bool(truth & {"masks", "object_mask"}),
        "labels": bool(truth & {"boxes", "masks", "label"}),
    }
    if "shown" in request.GET:
        drawn = {layer for layer in LAYERS if layer in request.GET.getlist("layer")}
    else:
        drawn = set(LAYERS)
    return {
        "layers": [layer for layer in LAYERS if there[layer]],
        "drawn": {layer for layer in drawn if there[layer]},
    }


def _images(request: HttpRequest, found: Dataset, per_page: int) -> dict[str, Any]:
    label = request.GET.get("class", "")
    context: dict[str, Any] = {**_layers(request, found), "label": label}
    try:
        indices = images_with(found, label)
        page = Paginator(indices, per_page).get_page(
            request.GET.get("page") if per_page == IMAGES_PER_PAGE else 1
        )
        colours = Colours(found)
        shown = [shown_image(found, index, colours) for index in page.object_list]
    except (SaliscopeError, OSError) as problem:
        return context | {"images": [], "images_problem": str(problem)}
    return context | {"images": shown, "images_page": page, "legend": legend(shown, colours)}


def legend(shown: list[ShownImage], colours: Colours) -> list[tuple[str, str]]:
    """The classes that are drawn, with their colours."""
    drawn = {box.label for each in shown for box in each.boxes} | {
        name for each in shown for name, _colour in each.masks if name
    }
    return [(label, colours.of(label)) for label in sorted(drawn)]


def socket_address(numbers: list[int]) -> str:
    """The address of the socket that tells of these data sets; empty where there is nothing to wait for."""
    return "/ws/data-sets/?" + urlencode({"dataset": numbers}, doseq=True) if numbers else ""
