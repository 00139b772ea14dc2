"""The page of backups: ask for one, watch it, take it away, restore one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.backups import services
from webapp.backups.forms import BackupForm, RestoreForm
from webapp.common.forms import add_refusal
from webapp.common.streaming import zip_response
from webapp.jobs.models import Job
from webapp.jobs.services import KEPT_DAYS, cancel_job, delete_job

KINDS = (Job.Kind.BACKUP, Job.Kind.RESTORE)


@require_http_methods(["GET", "POST"])
@login_required
def backups(request: HttpRequest) -> HttpResponse:
    """Lists the member's backups; a POST asks for one."""
    if request.method == "POST":
        form = BackupForm(request.POST)
        form.full_clean()
        services.request_backup(owner=request.user, with_weights=form.cleaned_data["with_weights"])
        return redirect("backups:backups")
    return _page(request, BackupForm(), RestoreForm())


@require_POST
@login_required
def restore(request: HttpRequest) -> HttpResponse:
    form = RestoreForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            services.request_restoring(owner=request.user, upload=form.cleaned_data["file"])
        except ValidationError as refusal:
            add_refusal(form, refusal)
        else:
            return redirect("backups:backups")
    return _page(request, BackupForm(), form, status=422)


@require_POST
@login_required
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    if not cancel_job(_job(request, pk)):
        messages.warning(request, _("It was over already."))
    return redirect("backups:backups")


@require_POST
@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    delete_job(_job(request, pk))
    return redirect("backups:backups")


@require_GET
@login_required
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The ZIP, to its owner only."""
    job = get_object_or_404(
        Job.objects.visible_to(request.user), pk=pk, kind=Job.Kind.BACKUP, state=Job.State.READY
    )
    if not job.path.is_file():
        raise Http404
    return zip_response(request, job.path, f"saliscope-backup-{job.finished:%Y-%m-%d}.zip")


def _job(request: HttpRequest, pk: int) -> Job:
    return get_object_or_404(Job.objects.visible_to(request.user), pk=pk, kind__in=KINDS)


def _page(request: HttpRequest, form: BackupForm, restoring: RestoreForm, status: int = 200) -> HttpResponse:
    jobs = list(Job.objects.visible_to(request.user).filter(kind__in=KINDS)[:20])
    context: dict[str, Any] = {
        "form": form,
        "restoring": restoring,
        "backups": [
            {"job": job, "until": job.finished and job.finished + timedelta(days=KEPT_DAYS[Job.Kind.BACKUP])}
            for job in jobs
            if job.kind == Job.Kind.BACKUP
        ],
        "restorings": [job for job in jobs if job.kind == Job.Kind.RESTORE][:5],
        "open": next((job for job in jobs if job.is_open), None),
        "days": KEPT_DAYS[Job.Kind.BACKUP],
    }
    return render(request, "backups/backups.html", context, status=status)
