"""Files of maps that members asked for."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET

from webapp.studio.models import Explanation
from webapp.studio.services import explanation_folder


@require_GET
@login_required
@cache_control(private=True, max_age=86400, immutable=True)
def overlay(request: HttpRequest, pk: int) -> HttpResponse:
    """The image with its map laid over it. A map never changes under its number, so browsers may keep it."""
    ready = Explanation.objects.visible_to(request.user).filter(state=Explanation.State.READY)
    path = explanation_folder(get_object_or_404(ready, pk=pk)) / "overlay.webp"
    try:
        return HttpResponse(path.read_bytes(), content_type="image/webp")
    except FileNotFoundError:
        raise Http404 from None
