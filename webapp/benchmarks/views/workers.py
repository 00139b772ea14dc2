"""The page of workers and of the queue, and what administrators do there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.queue import MOST_BENCHMARKS, dead_workers, queue_for, queue_length, workers_at_work
from webapp.benchmarks.worker_services import set_mode


@require_GET
@login_required
def workers(request: HttpRequest) -> HttpResponse:
    return render(request, "benchmarks/workers.html", _context(request))


@require_GET
@login_required
def workers_live(request: HttpRequest) -> HttpResponse:
    """What changes on the page; asked for when the page's socket says that something has."""
    return render(request, "benchmarks/parts/workers_live.html", _context(request))


@require_POST
@login_required
def worker_mode(request: HttpRequest, pk: int) -> HttpResponse:
    """Pauses, drains or restarts a worker: for administrators."""
    if not request.user.is_staff:
        raise PermissionDenied
    worker = get_object_or_404(WorkerNode, pk=pk)
    mode = request.POST.get("mode", "")
    if mode not in WorkerNode.Mode.values:
        messages.error(request, _("A worker is working, paused or draining: choose one of these."))
        return redirect("benchmarks:workers")
    try:
        changed = set_mode(worker=worker, mode=mode)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    else:
        messages.success(request, f"{changed.name}: {changed.get_mode_display()}")
    return redirect("benchmarks:workers")


def _context(request: HttpRequest) -> dict[str, Any]:
    queue = queue_for(request.user)
    return {
        "at_work": workers_at_work(request.user),
        "dead": dead_workers(),
        "queue": queue,
        "not_listed": queue_length() - len(queue) if len(queue) >= MOST_BENCHMARKS else 0,
        "members_waiting": len({each.benchmark.owner_id for each in queue}),
        "age_text": _("%(seconds)s s ago"),
        "may_steer": request.user.is_staff,
    }
