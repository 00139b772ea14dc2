"""What members do with their settings: reset them, copy them from another model."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from saliency_core.errors import ParameterError
from webapp.common.text import row_number
from webapp.library.selectors import classifiers_for
from webapp.method_settings import services
from webapp.method_settings.page import SettingsPage
from webapp.method_settings.values import description_of


def tell_saved(request: HttpRequest, page: SettingsPage, kept: dict[str, Any]) -> None:
    names = {"method": _(page.description.title), "model": page.classifier.name}
    if kept:
        messages.success(
            request,
            _("Saved. %(method)s begins with these settings wherever you choose it for %(model)s.") % names,
        )
    else:
        messages.success(
            request, _("These are the defaults of %(method)s: nothing of your own is kept.") % names
        )


@require_POST
@login_required
def reset(request: HttpRequest, pk: int, method: str) -> HttpResponse:
    """Back to the method's defaults; leads to the list, or with `stay` to the method's page."""
    classifier = get_object_or_404(classifiers_for(request.user), pk=pk)
    try:
        title = _(description_of(method).title)
    except ParameterError:
        raise Http404 from None
    services.reset_settings(owner=request.user, classifier=classifier, method=method)
    messages.success(request, _("%(method)s has its defaults again.") % {"method": title})
    if request.POST.get("stay"):
        return redirect("method_settings:method", pk=pk, method=method)
    return redirect("method_settings:overview", pk=pk)


@require_POST
@login_required
def reset_all(request: HttpRequest, pk: int) -> HttpResponse:
    """All methods and the enhancement back to their defaults."""
    classifier = get_object_or_404(classifiers_for(request.user), pk=pk)
    number = services.reset_settings(owner=request.user, classifier=classifier)
    told = ngettext(
        "%(number)d method has its defaults again.", "%(number)d methods have their defaults again.", number
    )
    messages.success(request, told % {"number": number})
    return redirect("method_settings:overview", pk=pk)


@require_POST
@login_required
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes over what fits of the settings for another model, `from`."""
    visible = classifiers_for(request.user)
    target = get_object_or_404(visible, pk=pk)
    number = row_number(request.POST.get("from", ""))
    source = None if number is None else visible.filter(pk=number).first()
    try:
        if source is None:
            raise ValidationError(_("Choose another model to copy from."))
        copied = services.copy_settings(owner=request.user, source=source, target=target)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("method_settings:overview", pk=pk)
    if copied.methods:
        titles = ", ".join(_(title) for title in copied.methods)
        messages.success(
            request, _("Copied from %(model)s: %(titles)s.") % {"model": source.name, "titles": titles}
        )
    if copied.left_out:
        messages.warning(request, _("Left out: %(reasons)s") % {"reasons": " ".join(copied.left_out)})
    return redirect("method_settings:overview", pk=pk)
