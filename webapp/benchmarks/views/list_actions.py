"""What the buttons of the list do: pins, saved views, and what is done to all selected rows."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from webapp.benchmarks.deletion import delete_benchmark, deleted_benchmarks, restore_benchmark
from webapp.benchmarks.labels import add_tags, parse_tags
from webapp.benchmarks.models import Benchmark, SavedView
from webapp.benchmarks.saved_views import pin_benchmark, rename_view, save_view
from webapp.common.text import row_number

MOST_SELECTED = 200
LONGEST_QUERY = 4000
UNDO_TAG = "undo"


def back_to_list(query: str) -> HttpResponseRedirect:
    """To the list as it was shown: `query` is what the form says of its address."""
    # Read and written anew, so that nothing but a query can get into the address.
    query = QueryDict(query[:LONGEST_QUERY]).urlencode()
    return redirect(f"{reverse('benchmarks:list')}?{query}" if query else "benchmarks:list")


def offer_undo(request: HttpRequest, numbers: list[int]) -> None:
    """A message with a button that brings the deleted ones back."""
    text = _("Deleted: %(numbers)s.") % {"numbers": ", ".join(f"#{number}" for number in numbers)}
    messages.success(request, text, extra_tags=f"{UNDO_TAG} {' '.join(map(str, numbers))}")


@require_POST
@login_required
def pin(request: HttpRequest, pk: int) -> HttpResponse:
    """`pinned=on` puts it to the top of the member's list, anything else takes it off."""
    benchmark = get_object_or_404(Benchmark.objects.visible_to(request.user), pk=pk)
    try:
        pin_benchmark(benchmark, user=request.user, pinned=request.POST.get("pinned") == "on")
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
    return back_to_list(request.POST.get("query", ""))


@require_POST
@login_required
def selected(request: HttpRequest) -> HttpResponse:
    """Compares the selected benchmarks (`benchmark`, several), or tags or deletes those that are the member's own."""
    numbers = _numbers(request)
    if request.POST.get("do") == "compare" and numbers:
        chosen = urlencode([("benchmark", number) for number in numbers])
        return redirect(f"{reverse('benchmarks:list')}compare/?{chosen}")
    own = list(Benchmark.objects.owned_by(request.user).filter(pk__in=numbers))
    query = request.POST.get("query", "")
    if not own:
        messages.warning(request, _("Select benchmarks of your own first: only those can be changed."))
        return back_to_list(query)
    if len(own) < len(set(numbers)):
        messages.warning(
            request, _("Those of other members were left as they are: only their owners can change them.")
        )
    if request.POST.get("do") == "delete":
        for benchmark in own:
            delete_benchmark(benchmark)
        offer_undo(request, sorted(benchmark.pk for benchmark in own))
    else:
        _tag(request, own)
    return back_to_list(query)


@require_POST
@login_required
def restore(request: HttpRequest) -> HttpResponse:
    """Brings deleted benchmarks (`benchmark`, several) back."""
    rows = list(deleted_benchmarks(request.user).filter(pk__in=_numbers(request)))
    for benchmark in rows:
        restore_benchmark(benchmark)
    if len(rows) == 1:
        messages.success(request, _("It is back."))
        return redirect("benchmarks:detail", pk=rows[0].pk)
    if rows:
        messages.success(
            request,
            ngettext("%(count)d benchmark is back.", "%(count)d benchmarks are back.", len(rows))
            % {"count": len(rows)},
        )
    else:
        messages.warning(request, _("There was nothing to bring back: it is back already, or was removed."))
    return redirect("benchmarks:list")


@require_POST
@login_required
def keep_view(request: HttpRequest) -> HttpResponse:
    """Saves the view of the list that `query` describes under `name`."""
    query = request.POST.get("query", "")
    try:
        view = save_view(owner=request.user, name=request.POST.get("name", ""), query=query)
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
    else:
        messages.success(request, _("Saved the view “%(name)s”.") % {"name": view.name})
        query = view.query
    return back_to_list(query)


@require_POST
@login_required
def rename_saved_view(request: HttpRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView.objects.visible_to(request.user), pk=pk)
    try:
        rename_view(view, name=request.POST.get("name", ""))
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
    return back_to_list(request.POST.get("query", ""))


@require_POST
@login_required
def delete_saved_view(request: HttpRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView.objects.visible_to(request.user), pk=pk)
    view.delete()
    messages.success(request, _("Deleted the view “%(name)s”.") % {"name": view.name})
    return back_to_list(request.POST.get("query", ""))


def _numbers(request: HttpRequest) -> list[int]:
    texts = request.POST.getlist("benchmark")[:MOST_SELECTED]
    return [number for text in texts if (number := row_number(text)) is not None]


def _tag(request: HttpRequest, benchmarks: list[Benchmark]) -> None:
    try:
        add_tags(benchmarks, parse_tags(request.POST.get("tags", "")))
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
