"""The API's description for programs (OpenAPI) and for people (Swagger UI), and the answer to wrong addresses."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api import schema_extensions  # noqa: F401  # says how tokens and methods' parameters appear
from webapp.api.base import ApiView


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The description, in English. It is the same until the code changes."""
    with override("en"):
        return SchemaGenerator().get_schema(request=None, public=True)


class Schema(ApiView):
    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """The description of the API, OpenAPI 3, with its introduction in the reader's language."""
        found = openapi()
        introduction = found["info"]["description"]
        return Response({**found, "info": {**found["info"], "description": _(introduction)}})


@require_GET
@login_required
def docs(request: HttpRequest) -> HttpResponse:
    """The description to read and to try out, within the session."""
    return render(request, "api/docs.html")


class Nothing(ApiView):
    """Addresses that the API does not have."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str) -> Response:
        raise Http404

    post = put = patch = delete = get
