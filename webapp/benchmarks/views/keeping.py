"""What the owner of a benchmark does with it as a whole: name, notes, tags, shares, rerun, clone, delete."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.labels import label_benchmark, parse_tags
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.priorities import set_priority
from webapp.benchmarks.repeating import clone_address, rerun_benchmark
from webapp.benchmarks.sharing import share_with_lab, share_with_member, withdraw_share
from webapp.benchmarks.transitions import TransitionRefused
from webapp.benchmarks.views.detail import detail_page
from webapp.benchmarks.views.list_actions import offer_undo


@require_http_methods(["GET", "POST"])
@login_required
def label(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes the `name`, `notes` or `tags`, whichever are sent; what is refused stays in its field."""
    benchmark = _own(request, pk)
    if request.method == "GET":
        return _to_page(request, pk)
    sent = request.POST
    tags = parse_tags(sent["tags"]) if "tags" in sent else None
    try:
        label_benchmark(benchmark, name=sent.get("name"), notes=sent.get("notes"), tags=tags)
    except ValidationError as refusal:
        return detail_page(request, pk, refusal=refusal)
    return redirect("benchmarks:detail", pk=pk)


@require_POST
@login_required
def priority(request: HttpRequest, pk: int) -> HttpResponse:
    """Gives the benchmark the `priority` sent."""
    benchmark = _own(request, pk)
    try:
        set_priority(benchmark, request.POST.get("priority", ""), by=request.user)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
    except TransitionRefused as refusal:
        messages.warning(request, str(refusal))
    return redirect("benchmarks:detail", pk=pk)


@require_http_methods(["GET", "POST"])
@login_required
def share(request: HttpRequest, pk: int) -> HttpResponse:
    """Shares with the lab (`lab` = on, off) or with the `member` named."""
    benchmark = _own(request, pk)
    if request.method == "GET":
        return _to_page(request, pk)
    if "lab" in request.POST:
        share_with_lab(benchmark, shared=request.POST["lab"] == "on")
        return _to_shares(pk)
    try:
        made = share_with_member(benchmark, member=request.POST.get("member", ""))
    except ValidationError as refusal:
        return detail_page(request, pk, refusal=refusal)
    messages.success(request, _("Shared with %(member)s.") % {"member": made.user.username})
    return _to_shares(pk)


@require_POST
@login_required
def withdraw(request: HttpRequest, pk: int, user_pk: int) -> HttpResponse:
    benchmark = _own(request, pk)
    withdraw_share(get_object_or_404(benchmark.shares, user_id=user_pk))
    return _to_shares(pk)


@require_POST
@login_required
def rerun(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        queued = rerun_benchmark(_own(request, pk), owner=request.user)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages))
        return redirect("benchmarks:detail", pk=pk)
    return redirect("benchmarks:detail", pk=queued.pk)


@require_GET
@login_required
def clone(request: HttpRequest, pk: int) -> HttpResponse:
    """The form of a new benchmark, filled in with this one's specification."""
    benchmark = get_object_or_404(Benchmark.objects.visible_to(request.user), pk=pk)
    return redirect(f"{reverse('benchmarks:new')}?{clone_address(benchmark)}")


@require_POST
@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    delete_benchmark(_own(request, pk))
    offer_undo(request, [pk])
    return redirect("benchmarks:list")


def _own(request: HttpRequest, pk: int) -> Benchmark:
    return get_object_or_404(Benchmark.objects.owned_by(request.user), pk=pk)


def _to_page(request: HttpRequest, pk: int) -> HttpResponse:
    """What is followed on the page of a refusal, whose address is the form's, leads on from the benchmark's own."""
    query = request.GET.urlencode()
    return redirect(f"{reverse('benchmarks:detail', args=[pk])}{'?' if query else ''}{query}")


def _to_shares(pk: int) -> HttpResponse:
    return redirect(f"{reverse('benchmarks:detail', args=[pk])}#sharing-title")
