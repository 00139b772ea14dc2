"""What is done to data sets: bringing, registering, renaming, sharing, checking, deleting."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from saliency_core.datasets.base import open_dataset
from saliency_core.errors import SaliscopeError
from webapp.common.forms import add_refusal
from webapp.library import dataset_services as services
from webapp.library.dataset_forms import EditDatasetForm, FolderForm, UploadDatasetForm
from webapp.library.dataset_looks import dry_run
from webapp.library.dataset_views.pages import FORMAT_TITLES
from webapp.library.models import Dataset
from webapp.library.open_datasets import without_path
from webapp.library.selectors import datasets_for
from webapp.reasons.showing import shown_reason

MEBIBYTE = 1024**2
PROBLEMS_OF_DRY_RUN = 50


def administrators_only(view: Any) -> Any:
    """Others find no such page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return login_required(guarded)


@require_http_methods(["GET", "POST"])
@login_required
def upload(request: HttpRequest) -> HttpResponse:
    """Keeps an archive. Scripts that ask for JSON are answered where the data set is, or what is wrong by field."""
    form = UploadDatasetForm(request.POST, request.FILES) if request.method == "POST" else UploadDatasetForm()
    wants_json = request.headers.get("Accept") == "application/json"
    if request.method == "POST" and form.is_valid():
        try:
            kept = services.upload_dataset(owner=request.user, **form.cleaned_data)
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            address = reverse("library:dataset", args=[kept.pk])
            return JsonResponse({"address": address}, status=201) if wants_json else redirect(address)
    if wants_json:
        return JsonResponse({"errors": form.errors}, status=422)
    free = settings.DATASET_QUOTA_BYTES - services.bytes_used(request.user)
    context = {
        "form": form,
        "most_bytes": max(0, min(settings.DATASET_ARCHIVE_BYTES, free)),
        "limits": {
            "archive": settings.DATASET_ARCHIVE_BYTES // MEBIBYTE,
            "unpacked": settings.DATASET_UNPACKED_BYTES // MEBIBYTE,
            "file": settings.DATASET_FILE_BYTES // MEBIBYTE,
            "entries": settings.DATASET_ENTRIES,
            "free": max(0, free) // MEBIBYTE,
        },
    }
    return render(request, "library/datasets/upload.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@administrators_only
def register(request: HttpRequest) -> HttpResponse:
    """A folder of the server: looked at first, registered then."""
    only_look = "register" not in request.POST
    form = FolderForm(request.POST if request.method == "POST" else None, name_required=not only_look)
    found = None
    if request.method == "POST" and form.is_valid():
        try:
            path = services.allowed_folder(Path(form.cleaned_data["path"]))
            if only_look:
                found = dry_run(form.cleaned_data["format"], path)
            else:
                registered = services.register_folder(
                    name=form.cleaned_data["name"].strip(),
                    format=form.cleaned_data["format"],
                    path=path,
                    asked_by=request.user,
                )
                messages.success(request, _("%(name)s is registered. A worker now reads every file.")
                    % {"name": registered.name})  # fmt: skip
                return redirect("library:dataset", pk=registered.pk)
        except ValidationError as refusal:
            add_refusal(form, refusal)
        except (SaliscopeError, OSError) as problem:
            form.add_error("path", shown_reason(str(problem)))
    context = {
        "form": form,
        "found": found,
        "format_title": FORMAT_TITLES.get(found.format, "") if found else "",
        "problems": found.problems[:PROBLEMS_OF_DRY_RUN] if found else [],
        "rejected": [(FORMAT_TITLES.get(key, key), reason) for key, reason in found.rejected]
        if found
        else [],
        "roots": settings.DATASET_ROOTS,
    }
    return render(request, "library/datasets/register.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@login_required
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Dataset.objects.owned_by(request.user), pk=pk)
    form = EditDatasetForm(request.POST if request.method == "POST" else None, dataset=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_dataset(row, **form.cleaned_data)
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("Saved."))
            return redirect("library:dataset", pk=pk)
    context = {"form": form, "dataset": get_object_or_404(Dataset, pk=pk)}
    return render(request, "library/datasets/edit.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def check(request: HttpRequest, pk: int) -> HttpResponse:
    """Says whether the files are still those that were registered: names, sizes, labels and annotations."""
    row = get_object_or_404(datasets_for(request.user), pk=pk)
    try:
        same = open_dataset(row.format, row.path).fingerprint() == row.fingerprint
    except (SaliscopeError, OSError) as problem:
        reason = shown_reason(without_path(str(problem), row.path))
        messages.error(request, _("The data set can't be read now: %(reason)s") % {"reason": reason})
    else:
        if same:
            messages.success(request, _("The files are as they were registered."))
        else:
            messages.warning(request, _("The files have changed since they were registered. Benchmarks refuse them "
                "until the folder is looked at again or put back as it was."))  # fmt: skip
    return redirect("library:dataset", pk=pk)


@require_POST
@login_required
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Dataset.objects.owned_by(request.user), pk=pk)
    services.look_again(row, asked_by=request.user)
    return redirect("library:dataset", pk=pk)


@require_POST
@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Dataset.objects.stoppable_by(request.user), pk=pk)
    if not services.cancel_dataset(row):
        messages.warning(request, _("%(name)s is not being prepared any more.") % {"name": row.name})
    return redirect("library:dataset", pk=pk)


@require_POST
@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Dataset.objects.owned_by(request.user), pk=pk)
    try:
        services.delete_dataset(row)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("library:dataset", pk=pk)
    messages.success(request, _("%(name)s was deleted.") % {"name": row.name})
    return redirect("library:datasets")
