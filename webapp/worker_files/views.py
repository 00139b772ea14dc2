"""What a worker's machine asks for. Without the installation's worker token there is nothing to be found."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET

from saliency_core.errors import DatasetError
from webapp.common.streaming import file_response, pieces_response
from webapp.library.models import Dataset
from webapp.library.open_datasets import without_path
from webapp.worker_files.dataset_archives import ENTRY_HEADER, archive_of

log = structlog.get_logger(__name__)

View = Callable[..., HttpResponseBase]


def for_workers(view: View) -> View:
    """404 where no token is set, 403 for another one. Comparing takes the same time however much of it is right."""

    @require_GET
    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not settings.WORKER_TOKEN:
            return _refusal(
                "The web application hands out no files: SALISCOPE_WORKER_TOKEN is not set there.", 404
            )
        expected = f"Bearer {settings.WORKER_TOKEN}".encode()
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, expected):
            log.warning("worker_token_refused", path=request.path)
            return _refusal("This is not the token of the web application (SALISCOPE_WORKER_TOKEN).", 403)
        return view(request, **kwargs)

    return guarded


@for_workers
def weights(request: HttpRequest, sha256: str, suffix: str) -> HttpResponseBase:
    """A file of weights, or an ONNX network, by its SHA-256."""
    name = f"{sha256}{suffix}"
    path = settings.WEIGHTS_DIR / name
    if not path.is_file():
        return _refusal("The web application does not have these weights either.", 404)
    return file_response(request, path, name, "application/octet-stream")


@for_workers
def dataset(request: HttpRequest, pk: int, format: str, fingerprint: str) -> HttpResponseBase:
    """A data set as a tar, whose size is told. The header says where within it the layout's reader begins.

    A fingerprint knows nothing of pixels: another member's data set is never sent in the place of this one. One of the
    lab's is, where this one is not there any more, or was another installation's.
    """
    problem = "The web application has no data set with this fingerprint."
    known = Dataset.objects.filter(format=format, fingerprint=fingerprint)
    for row in known.filter(pk=pk) or known.filter(owner=None):
        try:
            found = archive_of(row)
        except DatasetError as refused:
            problem = without_path(str(refused), row.path)
            continue
        answer = pieces_response(
            request, found.pieces(), f"{fingerprint}.tar", "application/x-tar", found.size
        )
        answer[ENTRY_HEADER] = quote(found.entry)
        return answer
    return _refusal(problem, 404)


def _refusal(sentence: str, status: int) -> HttpResponse:
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")
