"""The help pages."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from saliency_core.errors import SaliscopeError
from saliency_core.experiments.base import experiment_description, experiment_descriptions
from webapp.help.experiment_pages import experiment_page
from webapp.help.glossary import GLOSSARY
from webapp.help.method_pages import ENHANCEMENT, method_page, methods_by_title


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    context = {
        "families": methods_by_title(),
        "enhancement": ENHANCEMENT,
        "experiments": experiment_descriptions(),
    }
    return render(request, "help/index.html", context)


@require_GET
def method(request: HttpRequest, key: str) -> HttpResponse:
    """One method, or the enhancement; members also see which of their models it explains."""
    try:
        page = method_page(key, request.user)
    except SaliscopeError:
        raise Http404 from None
    return render(request, "help/method.html", {"page": page})


@require_GET
def experiment(request: HttpRequest, key: str) -> HttpResponse:
    try:
        description = experiment_description(key)
    except SaliscopeError:
        raise Http404 from None
    return render(request, "help/experiment.html", {"page": experiment_page(description)})


@require_GET
def glossary(request: HttpRequest) -> HttpResponse:
    return render(request, "help/glossary.html", {"sections": GLOSSARY})


@require_GET
def keyboard(request: HttpRequest) -> HttpResponse:
    return render(request, "help/keyboard.html")
