"""Refusals and faults: pages of the application, and JSON for the API."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from io import BytesIO
from typing import Any, ParamSpec

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.decorators import sync_and_async_middleware
from django.utils.translation import get_language_from_request, override
from django.utils.translation import gettext as _

from webapp.accounts.appearance import theme_of

API = "/api/"
_Given = ParamSpec("_Given")


def _as_the_browser_asks(answer: Callable[_Given, HttpResponse]) -> Callable[_Given, HttpResponse]:
    """In the language of the request's cookie or browser, whatever has or has not seen the request before."""

    @wraps(answer)
    def answered(*given: _Given.args, **named: _Given.kwargs) -> HttpResponse:
        with override(get_language_from_request(given[0])):
            return answer(*given, **named)

    return answered


@_as_the_browser_asks
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, and 413 for forms with more in them than the settings allow."""
    if too_much := _too_much(exception):
        return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, too_much)
    return _answer(request, HTTPStatus.BAD_REQUEST, _("The request could not be understood."))


@_as_the_browser_asks
def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.FORBIDDEN, _("Your account may not do this."))


@_as_the_browser_asks
def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, HTTPStatus.NOT_FOUND, _("Nothing is here"))


@_as_the_browser_asks
def server_error(request: HttpRequest) -> HttpResponse:
    """Without the request's context, which asks the database: whatever broke may break it too."""
    if request.path.startswith(API):
        text = _("Something broke on our side")
        return JsonResponse({"detail": [text]}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    page = render_to_string("500.html", {"page_theme": theme_of(request)})
    return HttpResponse(page, status=HTTPStatus.INTERNAL_SERVER_ERROR)


@sync_and_async_middleware
def wrong_method_middleware(get_response: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a page to who opens an address that only a button's form is sent to: by a reload, or after signing in.

    Other refused methods, and those of the API, stay as Django and the API answer them.
    """
    if iscoroutinefunction(get_response):

        async def answered(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            opened = _opened_by_wrong_method(request, response)
            return await sync_to_async(_wrong_method)(request, response) if opened else response

    else:

        def answered(request: HttpRequest) -> HttpResponse:  # type: ignore[misc]
            response: HttpResponse = get_response(request)
            return (
                _wrong_method(request, response) if _opened_by_wrong_method(request, response) else response
            )

    return answered


def too_large(request: HttpRequest, most: int) -> HttpResponse:
    """413; `most`: bytes that such a request may have."""
    mebibytes = most / 1024**2
    text = _("The upload is too big: at most %(size)s MiB are taken.") % {"size": f"{mebibytes:,.0f}"}
    return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


def too_large_unread(scope: dict[str, Any], most: int) -> HttpResponse:
    """The same for a request that no middleware has seen, in the language that its cookie or browser asks for."""
    request = ASGIRequest({**scope, "method": "GET"}, BytesIO())
    with override(get_language_from_request(request)):
        return too_large(request, most)


def _too_much(exception: Exception) -> str:
    """What of a form was more than the settings allow; "" for other refusals."""
    if isinstance(exception, RequestDataTooBig):
        return _("The fields of this request are too long.")
    if isinstance(exception, TooManyFieldsSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        return _("The form has too many fields: at most %(number)s are taken.") % {"number": f"{most:,}"}
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        return _("Too many files at once: at most %(number)s are taken.") % {"number": f"{most:,}"}
    return ""


def _opened_by_wrong_method(request: HttpRequest, response: HttpResponse) -> bool:
    refused = response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method in ("GET", "HEAD")
    return refused and not request.path.startswith(API)


def _wrong_method(request: HttpRequest, refusal: HttpResponse) -> HttpResponse:
    page = render(request, "405.html", status=HTTPStatus.METHOD_NOT_ALLOWED)
    page["Allow"] = refusal["Allow"]
    return page


def _answer(request: HttpRequest, status: HTTPStatus, text: str) -> HttpResponse:
    if request.path.startswith(API):
        return JsonResponse({"detail": [text]}, status=status)
    return render(request, f"{status.value}.html", {"text": text}, status=status)
