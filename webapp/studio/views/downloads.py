"""Sheets and tables of the studio's maps."""

from __future__ import annotations

from io import BytesIO

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from saliency_core.errors import SaliscopeError
from webapp.studio.choices import read_choice
from webapp.studio.models import Explanation
from webapp.studio.sheets import curves_table, sheet_of
from webapp.studio.tiles import Tile, tile_of, tiles_for


@require_GET
@login_required
def sheet(request: HttpRequest) -> HttpResponse:
    """The maps of an address on one PNG; not found where none of them is drawn."""
    choice = read_choice(request.user, request.GET)
    tiles = tiles_for(request.user, choice)
    try:
        picture = sheet_of(choice, tiles) if tiles else None
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None
    if picture is None:
        raise Http404
    content = BytesIO()
    picture.save(content, format="PNG")
    return _file(content.getvalue(), "image/png", "maps.png")


@require_GET
@login_required
def curves(request: HttpRequest) -> HttpResponse:
    """Insertion and deletion of the maps of an address as CSV; only its head where nothing is measured."""
    return _table(tiles_for(request.user, read_choice(request.user, request.GET)), "curves.csv")


@require_GET
@login_required
def curves_of_map(request: HttpRequest, pk: int) -> HttpResponse:
    own = Explanation.objects.visible_to(request.user).select_related("classifier")
    return _table([tile_of(get_object_or_404(own, pk=pk))], f"curves-{pk}.csv")


def _table(tiles: list[Tile], name: str) -> HttpResponse:
    return _file(curves_table(tiles).encode(), "text/csv; charset=utf-8", name)


def _file(content: bytes, content_type: str, name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)
