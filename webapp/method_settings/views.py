"""Pages of method settings: all methods for a model, and one of them with its preview."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from saliency_core.errors import ParameterError
from webapp.common.forms import add_refusal
from webapp.common.text import row_number
from webapp.library.models import Classifier
from webapp.library.selectors import classifiers_for
from webapp.method_settings import services
from webapp.method_settings.actions import tell_saved
from webapp.method_settings.overview import overview_of
from webapp.method_settings.page import SettingsPage, settings_page
from webapp.method_settings.preview import Preview, ask_for_preview, payload, preview_of
from webapp.method_settings.values import description_of
from webapp.studio.choices import ready_classifiers


@require_GET
@login_required
def overview(request: HttpRequest, pk: int) -> HttpResponse:
    """All methods, what the member has set, and what can be copied from other models."""
    classifier = _classifier(request, pk)
    other = _other_model(request, pk)
    if other:
        return redirect("method_settings:overview", pk=other)
    context = {"classifier": classifier, "classifiers": ready_classifiers(request.user)}
    if classifier.is_ready:
        context["overview"] = overview_of(request.user, classifier)
    return render(request, "method_settings/overview.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def method(request: HttpRequest, pk: int, method: str) -> HttpResponse:
    """One method's settings: shown as saved or as the address says, or saved."""
    classifier = _classifier(request, pk)
    _check_known(method)
    other = _other_model(request, pk)
    if other:
        return redirect("method_settings:method", pk=other, method=method)
    if not classifier.is_ready:
        return redirect("method_settings:overview", pk=pk)
    reason = services.why_not_settable(classifier, method)
    context: dict[str, Any] = {
        "classifier": classifier,
        "classifiers": ready_classifiers(request.user),
        "description": description_of(method),
        "key": method,
        "reason": reason,
    }
    if reason:
        return render(request, "method_settings/method.html", context)
    posted = request.method == "POST"
    page = settings_page(
        request.user, classifier, method, request.POST if posted else request.GET, lenient=not posted
    )
    if posted and page.form.is_valid():
        try:
            kept = services.save_settings(
                owner=request.user, classifier=classifier, method=method, parameters=page.form.values()
            )
        except ValidationError as refusal:
            add_refusal(page.form, refusal)
        else:
            tell_saved(request, page, kept)
            return redirect(f"{reverse('method_settings:method', args=[pk, method])}?{_picture(page)}")
    context |= _page_context(page, preview_of(request.user, page))
    return render(
        request, "method_settings/method.html", context, status=422 if posted and page.form.errors else 200
    )


@require_http_methods(["GET", "POST"])
@login_required
def preview(request: HttpRequest, pk: int, method: str) -> HttpResponse:
    """The maps for the values that are sent: as they are (GET), or asked for (POST).

    Scripts get JSON; without them one is led back to the page, whose address has the values.
    """
    classifier = _classifier(request, pk)
    _check_known(method)
    if not classifier.is_ready or services.why_not_settable(classifier, method):
        raise Http404
    posted = request.method == "POST"
    page = settings_page(
        request.user, classifier, method, request.POST if posted else request.GET, lenient=False
    )
    problem = ""
    if posted:
        try:
            ask_for_preview(request.user, page, with_defaults="with_defaults" in request.POST)
        except ValidationError as refusal:
            problem = " ".join(refusal.messages)
    found = preview_of(request.user, page)
    context = {"classifier": classifier, "key": method, "problem": problem, **_page_context(page, found)}
    if request.headers.get("Accept") == "application/json":
        panel = render_to_string("method_settings/parts/preview.html", context, request)
        state = render_to_string("method_settings/parts/state.html", context).strip()
        return JsonResponse(payload(found, page, panel, state))
    if not page.form.is_valid() or problem:
        context |= {
            "classifiers": ready_classifiers(request.user),
            "description": page.description,
        }
        return render(request, "method_settings/method.html", context, status=422)
    return redirect(f"{reverse('method_settings:method', args=[pk, method])}?{page.address()}#preview")


def _page_context(page: SettingsPage, preview: Preview) -> dict[str, Any]:
    return {
        "page": page,
        "preview": preview,
        "errors": preview.errors,
        "texts": {"failed": _("The preview could not be asked for. Press Preview to try again.")},
    }


def _picture(page: SettingsPage) -> str:
    source = page.source.address() if page.source else {}
    return "&".join(f"{name}={text}" for name, text in source.items())


def _classifier(request: HttpRequest, pk: int) -> Classifier:
    return get_object_or_404(classifiers_for(request.user), pk=pk)


def _check_known(method: str) -> None:
    try:
        description_of(method)
    except ParameterError:
        raise Http404 from None


def _other_model(request: HttpRequest, pk: int) -> int | None:
    """The model that the switch was set to, if it is another one that the member may see."""
    number = row_number(request.GET.get("model", ""))
    if number is None or number == pk:
        return None
    found = classifiers_for(request.user).filter(pk=number).values_list("pk", flat=True).first()
    return found
