"""Pages of models."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.common.forms import add_refusal
from webapp.library import selectors, services
from webapp.library.forms import SUGGESTED_ARCHITECTURES, ImportClassifierForm
from webapp.library.models import Classifier


@require_GET
@login_required
def classifiers(request: HttpRequest) -> HttpResponse:
    return render(
        request, "library/classifiers.html", {"classifiers": selectors.classifiers_for(request.user)}
    )


@require_GET
@login_required
def classifier(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(selectors.classifiers_for(request.user), pk=pk)
    return render(request, "library/classifier.html", {"classifier": found})


@require_GET
@login_required
def classifier_state(request: HttpRequest, pk: int) -> HttpResponse:
    """The state alone, asked for again while weights are being fetched; a reload once that is over."""
    found = get_object_or_404(selectors.classifiers_for(request.user), pk=pk)
    response = render(request, "library/parts/state.html", {"classifier": found, "live": True})
    if found.state in (Classifier.State.READY, Classifier.State.FAILED):
        response["HX-Refresh"] = "true"
    return response


@require_POST
@login_required
def prepare_classifier(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(selectors.classifiers_for(request.user), pk=pk)
    services.request_preparation(found)
    return redirect("library:classifier", pk=found.pk)


@require_http_methods(["GET", "POST"])
@login_required
def import_classifier(request: HttpRequest) -> HttpResponse:
    form = ImportClassifierForm(request.POST or None, request.FILES or None, owner=request.user)
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
            )
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(
                request, _("%(name)s was uploaded. A worker now checks the file.") % {"name": imported.name}
            )
            return redirect("library:classifier", pk=imported.pk)
    context = {"form": form, "architectures": SUGGESTED_ARCHITECTURES}
    return render(request, "library/import.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def delete_classifier(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes one of the member's own models; others' and built-in ones are not found."""
    found = get_object_or_404(Classifier.objects.owned_by(request.user), pk=pk)
    try:
        services.delete_classifier(found)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("library:classifier", pk=pk)
    messages.success(request, _("%(name)s was deleted.") % {"name": found.name})
    return redirect("library:classifiers")
