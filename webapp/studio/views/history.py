"""The maps a member has, newest first: looked at again, pinned, deleted."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.benchmarks.methods import title_of
from webapp.studio.kept import delete_maps, most_kept, pin
from webapp.studio.models import Explanation
from webapp.studio.permalinks import permalink
from webapp.studio.sources import class_names_of, source_of
from webapp.studio.views.reading import numbers_of

PAGE_SIZE = 48


@dataclass(frozen=True)
class KeptMap:
    """A map of the list."""

    row: Explanation

    @property
    def title(self) -> str:
        return title_of(self.row.specified_method)

    @property
    def image(self) -> str:
        return source_of(self.row).name

    @property
    def class_name(self) -> str:
        names = class_names_of(self.row.classifier)
        return names[self.row.target] if self.row.target < len(names) else str(self.row.target)


@require_GET
@login_required
def history(request: HttpRequest) -> HttpResponse:
    own = Explanation.objects.visible_to(request.user).filter(listed=True).order_by("-pk")
    rows = own.select_related("classifier", "dataset", "picture").defer("curves", "dataset__problems")
    if request.GET.get("pinned"):
        rows = rows.filter(pinned=True)
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "maps": [KeptMap(row) for row in page],
        "total": own.count(),
        "most": most_kept(),
        "only_pinned": bool(request.GET.get("pinned")),
    }
    return render(request, "studio/history.html", context)


@require_POST
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Pins, unpins or deletes (`do`) the maps that are ticked (`map`), or deletes all that are not pinned."""
    own = Explanation.objects.visible_to(request.user).filter(listed=True)
    ticked = own.filter(pk__in=numbers_of(request.POST.getlist("map")))
    wanted = request.POST.get("do", "")
    if wanted in ("pin", "unpin"):
        pin(ticked, pinned=wanted == "pin")
    elif wanted in ("delete", "delete_unpinned"):
        number = delete_maps(own.filter(pinned=False) if wanted == "delete_unpinned" else ticked)
        text = ngettext("%(number)d map was deleted.", "%(number)d maps were deleted.", number)
        messages.success(request, text % {"number": number})
    if wanted != "delete_unpinned" and not request.POST.getlist("map"):
        messages.warning(request, _("Tick the maps that are meant first."))
    return redirect("studio:history")


@require_GET
@login_required
def open_map(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads to the page of the studio that shows a map."""
    own = Explanation.objects.visible_to(request.user).select_related("classifier", "dataset", "picture")
    row = get_object_or_404(own, pk=pk)
    return redirect(f"{reverse('studio:maps')}?{permalink(row)}#maps")
