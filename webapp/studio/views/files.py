"""Files of the studio: maps that members asked for, their own pictures, and images of data sets as models see them."""

from __future__ import annotations

from io import BytesIO

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET
from PIL import Image

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import SaliscopeError
from webapp.library.models import Classifier, Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import datasets_for
from webapp.studio.choices import Choice, read_choice
from webapp.studio.models import Explanation, Picture, State
from webapp.studio.permalinks import PREPROCESSING
from webapp.studio.services import explanation_folder
from webapp.studio.sources import Source, known_mask

THUMBNAIL_SIDE = 96
kept_by_browsers = cache_control(private=True, max_age=86400)


@require_GET
@login_required
@cache_control(private=True, max_age=86400, immutable=True)
def overlay(request: HttpRequest, pk: int) -> HttpResponse:
    """The image with its map laid over it. A map never changes under its number, so browsers may keep it."""
    return HttpResponse(_map_file(request, pk, "overlay.webp"), content_type="image/webp")


@require_GET
@login_required
@cache_control(private=True, max_age=86400, immutable=True)
def values(request: HttpRequest, pk: int) -> HttpResponse:
    """The raw map as NumPy writes it, float32 H × W."""
    headers = {"Content-Disposition": f'attachment; filename="map-{pk}.npy"'}
    content = _map_file(request, pk, "map.npy")
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)


def _map_file(request: HttpRequest, pk: int, name: str) -> bytes:
    ready = Explanation.objects.visible_to(request.user).filter(state=State.READY)
    try:
        return (explanation_folder(get_object_or_404(ready, pk=pk)) / name).read_bytes()
    except FileNotFoundError:
        raise Http404 from None


@require_GET
@login_required
@kept_by_browsers
def framed(request: HttpRequest) -> HttpResponse:
    """The image that the address names, as the model sees it, before normalisation."""
    choice, _classifier, source = _model_and_image(request)
    try:
        seen = Preprocessing.from_dict(choice.preprocessing).framed(source.pixels())
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None
    return _picture(seen, "PNG")


@require_GET
@login_required
@kept_by_browsers
def mask(request: HttpRequest) -> HttpResponse:
    """Where the object is, white on black, as the model sees the image; not found where the data set does not know."""
    choice, classifier, source = _model_and_image(request)
    found = known_mask(source, classifier, choice.target, choice.preprocessing)
    if found is None:
        raise Http404
    return _picture(Image.fromarray(found.mask), "PNG")


def _model_and_image(request: HttpRequest) -> tuple[Choice, Classifier, Source]:
    wanted = QueryDict(mutable=True)
    for name in ("model", "dataset", "image", "picture", "class", PREPROCESSING):
        wanted[name] = request.GET.get(name, "")
    choice = read_choice(request.user, wanted)
    if choice.classifier is None or choice.source is None:
        raise Http404
    return choice, choice.classifier, choice.source


@require_GET
@login_required
@kept_by_browsers
def thumbnail(request: HttpRequest, pk: int, index: int) -> HttpResponse:
    """A small picture of a data set's image."""
    row: Dataset = get_object_or_404(datasets_for(request.user), pk=pk)
    try:
        dataset = opened(row)
        if index >= len(dataset):
            raise Http404
        image = dataset.image(index)
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None
    return _thumbnail(image)


@require_GET
@login_required
@kept_by_browsers
def picture_thumbnail(request: HttpRequest, pk: int) -> HttpResponse:
    """A small picture of a member's own picture."""
    own = get_object_or_404(Picture.objects.visible_to(request.user), pk=pk)
    try:
        return _thumbnail(Source(None, "", own).pixels())
    except (SaliscopeError, OSError) as problem:
        raise Http404(str(problem)) from None


def _thumbnail(image: Image.Image) -> HttpResponse:
    small = image.convert("RGB")
    small.thumbnail((2 * THUMBNAIL_SIDE, 2 * THUMBNAIL_SIDE))
    return _picture(small, "WEBP", quality=80)


def _picture(image: Image.Image, format: str, **options: int) -> HttpResponse:
    content = BytesIO()
    image.save(content, format=format, **options)
    return HttpResponse(content.getvalue(), content_type=f"image/{format.lower()}")
