"""`GET /healthz`."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from webapp.health.checks import report


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """How database, broker, channel layer and workers are: 200 if all are well, 503 if one is not."""
    health = report()
    return JsonResponse(
        health, status=200 if health["status"] == "ok" else 503, json_dumps_params={"indent": 2}
    )
