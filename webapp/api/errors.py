"""What an error looks like: `{"detail": [sentence, …]}` or `{path of a field: [sentence, …], …}`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig
from django.core.exceptions import ValidationError as DjangoValidationError
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from webapp.api.parsers import RequestTooLong
from webapp.benchmarks.transitions import TransitionRefused

DETAIL = "detail"
WITHOUT_FIELD = (DETAIL, NON_FIELD_ERRORS, api_settings.NON_FIELD_ERRORS_KEY)


class Conflict(APIException):
    """What is asked for is not possible in the present state."""

    status_code = 409


def answer_for(problem: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception; None for one that is a fault of ours, which becomes the page of error 500."""
    if isinstance(problem, TransitionRefused):
        problem = Conflict(str(problem))
    elif isinstance(problem, DjangoValidationError):
        problem = refusal(problem)
    elif isinstance(problem, RequestDataTooBig):
        problem = RequestTooLong(_("The fields of this request are too long."))
    response = exception_handler(problem, context)
    if response is not None:
        response.data = sentences(response.data)
    return response


def refusal(problem: DjangoValidationError, fields: dict[str, str] | None = None) -> ValidationError:
    """What a service or a form refused; `fields` renames its fields to those of the request."""
    by_field = getattr(problem, "error_dict", None) or {DETAIL: getattr(problem, "error_list", [])}
    named: dict[str, list[str]] = {}
    for field, errors in by_field.items():
        name = DETAIL if field in WITHOUT_FIELD else (fields or {}).get(field, field)
        named.setdefault(name, []).extend(message for error in errors for message in error.messages)
    return ValidationError(named)


def sentences(data: Any, path: str = "") -> dict[str, list[str]]:
    """Nested errors as one level: {"methods": {0: {"key": [s]}}} → {"methods.0.key": [s]}."""
    if isinstance(data, dict):
        parts = [
            (path if str(key) in WITHOUT_FIELD else f"{path}.{key}".lstrip("."), value)
            for key, value in data.items()
        ]
    elif isinstance(data, list) and any(isinstance(value, dict | list) for value in data):
        parts = [(f"{path}.{number}".lstrip("."), value) for number, value in enumerate(data)]
    else:
        return {path or DETAIL: [str(text) for text in (data if isinstance(data, list) else [data])]}
    found: dict[str, list[str]] = {}
    for where, value in parts:
        if value in ({}, []):
            continue
        for name, texts in sentences(value, where).items():
            found.setdefault(name, []).extend(texts)
    return found
