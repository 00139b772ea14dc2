"""Files of data sets: images written anew, masks drawn, problems as text. Browsers keep them by their ETag."""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import cache_control
from django.views.decorators.http import etag, require_GET
from PIL import Image

from saliency_core.errors import SaliscopeError
from webapp.library.models import Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import datasets_for
from webapp.library.truth import Colours, masks_picture
from webapp.studio.views.files import THUMBNAIL_SIDE

LARGE_SIDE = 1280
SMALL_SIDE = 2 * THUMBNAIL_SIDE


def _tag(request: HttpRequest, pk: int, index: int) -> str | None:
    """Changes with the data set and with what is asked for; none for those who do not see it."""
    if not request.user.is_authenticated:
        return None
    fingerprint = datasets_for(request.user).filter(pk=pk).values_list("fingerprint", flat=True).first()
    return fingerprint and '"' + sha256(f"{fingerprint} {request.get_full_path()}".encode()).hexdigest() + '"'


@require_GET
@login_required
@cache_control(private=True, max_age=3600)
@etag(_tag)
def picture(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """An image, at most 1280 pixels a side, without anything else that its file holds."""
    return picture_of(get_object_or_404(datasets_for(request.user), pk=pk), index)


@require_GET
@login_required
@cache_control(private=True, max_age=3600)
@etag(_tag)
def masks(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """The masks in the colours of their classes on nothing; `?class=` for one alone, `?large=1` for the large page."""
    row = get_object_or_404(datasets_for(request.user), pk=pk)
    side = LARGE_SIDE if request.GET.get("large") else SMALL_SIDE
    return masks_of(row, index, side, request.GET.get("class"))


def picture_of(row: Dataset, index: int) -> HttpResponse:
    """The image as WebP. Raises Http404 where it can't be read."""
    try:
        dataset = opened(row)
        if index >= len(dataset):
            raise Http404
        image = dataset.image(index).convert("RGB")
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None
    image.thumbnail((LARGE_SIDE, LARGE_SIDE))
    return _encoded(image, "WEBP", quality=88)


def masks_of(row: Dataset, index: int, side: int, only: str | None) -> HttpResponse:
    """The masks as PNG. Raises Http404 where there is none."""
    try:
        dataset = opened(row)
        drawn = masks_picture(dataset, index, Colours(row), side, only) if index < len(dataset) else None
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None
    if drawn is None:
        raise Http404
    return _encoded(drawn, "PNG", transparency=drawn.info["transparency"])


def _encoded(image: Image.Image, format: str, **options: object) -> HttpResponse:
    content = BytesIO()
    image.save(content, format=format, **options)
    return HttpResponse(content.getvalue(), content_type=f"image/{format.lower()}")


@require_GET
@login_required
def problems_text(request: HttpRequest, pk: int) -> HttpResponse:
    """All problems, one a line: the file, a tab, the problem."""
    row = get_object_or_404(datasets_for(request.user), pk=pk)
    lines = (f"{_plain(each['file'])}\t{_plain(each['problem'])}\n" for each in row.problems)
    headers = {"Content-Disposition": f'attachment; filename="problems-{pk}.txt"'}
    return HttpResponse("".join(lines), content_type="text/plain; charset=utf-8", headers=headers)


def _plain(text: str) -> str:
    return " ".join(text.split())
