"""Pages of models: the list, one of them, importing, changing and deleting one's own."""

from __future__ import annotations

import json

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from saliency_core.classifiers.architecture_names import LIBRARIES, known_names, search_names
from webapp.common.forms import add_refusal
from webapp.library import classifier_changes as changes
from webapp.library import compatibility, selectors, services
from webapp.library.classifier_list import ClassifierListForm
from webapp.library.forms import (
    SUGGESTED_ARCHITECTURES,
    ChangeClassifierForm,
    ChangePreprocessingForm,
    ImportClassifierForm,
    ThreeNumbersField,
    usual_preprocessing,
)
from webapp.library.model_files import model_bytes_used
from webapp.library.models import Classifier
from webapp.library.report import shown_report
from webapp.library.usage import usage_of

MATCHES_SHOWN = 12
PAGE_SIZE = 50


@require_GET
@login_required
def classifiers(request: HttpRequest) -> HttpResponse:
    """The models that the member may use, page by page; words, origin, family and state in the address."""
    everything = selectors.classifiers_for(request.user).select_related("owner")
    form = ClassifierListForm(request.GET, user=request.user)
    page = Paginator(form.narrowed(everything), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "classifiers": list(page),
        "total": everything.count() if form.narrows else page.paginator.count,
        "watched": selectors.watched_classifiers(list(page)),
    }
    return render(request, "library/classifiers.html", context)


@require_GET
@login_required
def classifier(request: HttpRequest, pk: int) -> HttpResponse:
    """One model with its layers and its compatibility report."""
    found = get_object_or_404(selectors.classifiers_for(request.user).select_related("owner"), pk=pk)
    context = {
        "classifier": found,
        "is_own": found.owner_id == request.user.pk,
        "report": shown_report(found, request.user),
        "watched": selectors.watched_classifiers([found]),
    }
    return render(request, "library/classifier.html", context)


@require_POST
@login_required
def prepare_classifier(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(selectors.classifiers_for(request.user), pk=pk)
    services.request_preparation(found, asked_by=request.user)
    return redirect("library:classifier", pk=found.pk)


@require_POST
@login_required
def cancel_preparation(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(Classifier.objects.stoppable_by(request.user), pk=pk)
    if not services.cancel_preparation(found):
        messages.warning(request, _("%(name)s is not being prepared any more.") % {"name": found.name})
    return redirect("library:classifier", pk=pk)


@require_POST
@login_required
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Has the compatibility report made anew; whoever sees a model may ask for it."""
    found = get_object_or_404(selectors.classifiers_for(request.user), pk=pk)
    compatibility.request_report(found)
    return redirect("library:classifier", pk=found.pk)


@require_http_methods(["GET", "POST"])
@login_required
def import_classifier(request: HttpRequest) -> HttpResponse:
    form = ImportClassifierForm(
        request.POST if request.method == "POST" else None,
        request.FILES if request.method == "POST" else None,
        owner=request.user,
    )
    if request.method == "POST" and form.is_valid():
        try:
            imported = services.import_classifier(
                owner=request.user,
                name=form.cleaned_data["name"],
                library=form.cleaned_data["library"],
                architecture=form.cleaned_data["architecture"],
                weights=form.cleaned_data["weights"],
                preprocessing=form.preprocessing(),
                class_names=form.cleaned_data["class_names"],
                output_activation=form.cleaned_data["output_activation"],
            )
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request, _("%(name)s was uploaded. A worker now checks the file.") % {"name": imported.name}
            )
            page = redirect("library:classifier", pk=imported.pk)
            # The script that shows the upload's progress goes there itself, so that the message above is for the page.
            return HttpResponse(status=201, headers={"Location": page.url}) if _by_script(request) else page
    context = {
        "form": form,
        "architectures": SUGGESTED_ARCHITECTURES,
        "most_bytes": settings.MAX_REQUEST_BYTES,
        "used_bytes": model_bytes_used(request.user),
        "quota_bytes": settings.MODEL_QUOTA_BYTES,
        **_matches(form["architecture"].value() or "", form["library"].value() or ""),
    }
    return render(request, "library/import.html", context, status=422 if form.errors else 200)


def _by_script(request: HttpRequest) -> bool:
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


@require_GET
@login_required
def architectures(request: HttpRequest) -> HttpResponse:
    """The architectures whose names hold what was typed: `?architecture=resnet 50&library=timm`."""
    context = _matches(request.GET.get("architecture", ""), request.GET.get("library", ""))
    return render(request, "library/parts/architectures.html", context)


def _matches(words: str, library: str) -> dict[str, object]:
    """Those of the chosen library first; of both where none is chosen."""
    libraries = [library] if library in LIBRARIES else [] if library else list(LIBRARIES)
    found = search_names(words, libraries, limit=MATCHES_SHOWN + 1)
    exact = words.strip() in known_names().get(library, ())
    return {
        "words": words,
        "matches": [
            {"name": each, "usual": _usual(each.library, each.name)} for each in found[:MATCHES_SHOWN]
        ],
        "more_matches": len(found) > MATCHES_SHOWN,
        "usual": _usual(library, words.strip()) if exact else None,
    }


def _usual(library: str, architecture: str) -> str:
    """What the preprocessing's fields are filled in with when an architecture is chosen: JSON, name → text."""
    usual = usual_preprocessing(library, architecture)
    numbers = {name: ThreeNumbersField().prepare_value(getattr(usual, name)) for name in ("mean", "std")}
    texts = {"size": str(usual.size), "pipeline": usual.pipeline, "interpolation": usual.interpolation}
    return json.dumps(numbers | texts)


@require_http_methods(["GET", "POST"])
@login_required
def change_classifier(request: HttpRequest, pk: int) -> HttpResponse:
    """Renames one of the member's own models, shares it with the lab or takes it back."""
    found = get_object_or_404(Classifier.objects.owned_by(request.user), pk=pk)
    form = ChangeClassifierForm(request.POST if request.method == "POST" else None, classifier=found)
    if request.method == "POST" and form.is_valid():
        try:
            changes.change_classifier(found, **form.cleaned_data)
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("library:classifier", pk=pk)
    context = {"form": form, "classifier": found, "usage": usage_of(found)}
    return render(request, "library/change.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def change_preprocessing(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes how images come to one of the member's own models."""
    found = get_object_or_404(Classifier.objects.owned_by(request.user), pk=pk)
    form = ChangePreprocessingForm(request.POST if request.method == "POST" else None, classifier=found)
    if request.method == "POST" and form.is_valid():
        try:
            changed = changes.change_preprocessing(found, form.preprocessing())
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request,
                _("Saved. A worker looks at the model again.") if changed else _("Nothing was changed."),
            )
            return redirect("library:classifier", pk=pk)
    context = {
        "form": form,
        "classifier": found,
        "usage": usage_of(found),
        "usual": usual_preprocessing(found.library, found.architecture),
    }
    return render(request, "library/preprocessing.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def delete_classifier(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what uses one of the member's own models, and deletes it; others' and built-in ones are not found."""
    found = get_object_or_404(Classifier.objects.owned_by(request.user), pk=pk)
    if request.method == "POST":
        try:
            services.delete_classifier(found)
        except ValidationError as refusal:
            messages.error(request, " ".join(refusal.messages))
            return redirect("library:delete_classifier", pk=pk)
        messages.success(request, _("%(name)s was deleted.") % {"name": found.name})
        return redirect("library:classifiers")
    return render(request, "library/delete.html", {"classifier": found, "usage": usage_of(found)})
