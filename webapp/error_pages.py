"""Refusals and faults: pages of the application, and JSON for the API."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import get_language_from_request, override
from django.utils.translation import gettext as _

API = "/api/"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, and 413 for forms with more in them than the settings allow."""
    if isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return too_large(request)
    return _answer(request, HTTPStatus.BAD_REQUEST, _("The request could not be understood."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, _("Your account may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, _("Nothing is here"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the request's context: whatever broke may break it too."""
    if request.path.startswith(API):
        text = _("Something broke on our side")
        return JsonResponse({"detail": [text]}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return HttpResponse(render_to_string("500.html"), status=HTTPStatus.INTERNAL_SERVER_ERROR)


def too_large(request: HttpRequest) -> HttpResponse:
    mebibytes = settings.MAX_REQUEST_BYTES / 1024**2
    text = _("The upload is too big: at most %(size)s MiB are taken.") % {"size": f"{mebibytes:,.0f}"}
    return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


def too_large_unread(scope: dict[str, Any]) -> HttpResponse:
    """The same for a request that no middleware has seen, in the language that its cookie or browser asks for."""
    request = ASGIRequest({**scope, "method": "GET"}, BytesIO())
    with override(get_language_from_request(request)):
        return too_large(request)


def _answer(request: HttpRequest, status: HTTPStatus, text: str) -> HttpResponse:
    if request.path.startswith(API):
        return JsonResponse({"detail": [text]}, status=status)
    return render(request, f"{status.value}.html", {"text": text}, status=status)
