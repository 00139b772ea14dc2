"""What a member keeps of the list of benchmarks: views with a name, and benchmarks pinned to the top."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils.translation import gettext as _

from webapp.accounts.models import User
from webapp.benchmarks.models import Benchmark, BenchmarkPin, SavedView
from webapp.common.text import CANNOT_BE_KEPT, UNSTORABLE

MOST_VIEWS = 50
MOST_PINS = 50
LONGEST_NAME = 60
LONGEST_QUERY = 2000


def save_view(*, owner: User, name: str, query: str) -> SavedView:
    """Keeps the query part of an address of the list under a name; a view of that name is replaced."""
    name = _checked_name(name)
    query = view_query(query)
    if len(query) > LONGEST_QUERY:
        raise ValidationError(_("This view's address is too long to be saved: choose fewer filters."))
    own = SavedView.objects.visible_to(owner)
    if own.count() >= MOST_VIEWS and not own.filter(name=name).exists():
        raise ValidationError(
            _("You have %(most)d saved views already: delete one first.") % {"most": MOST_VIEWS}
        )
    view, _created = SavedView.objects.update_or_create(owner=owner, name=name, defaults={"query": query})
    return view


def rename_view(view: SavedView, *, name: str) -> None:
    view.name = _checked_name(name)
    try:
        with transaction.atomic():
            view.save(update_fields=["name"])
    except IntegrityError:
        raise ValidationError(_("You have a view of this name. Choose another one.")) from None


def view_query(query: str) -> str:
    """The query of an address without the page, in one order, so that the same view is recognised."""
    chosen = QueryDict(query)
    kept = QueryDict(mutable=True)
    for name in sorted(chosen):
        values = [value for value in chosen.getlist(name) if value]
        if name != "page" and values:
            kept.setlist(name, values)
    return kept.urlencode()


def pin_benchmark(benchmark: Benchmark, *, user: User, pinned: bool) -> None:
    """Puts a benchmark at the top of the member's own list, or back. Raises ValidationError."""
    own = BenchmarkPin.objects.filter(user=user)
    if not pinned:
        own.filter(benchmark=benchmark).delete()
        return
    if own.count() >= MOST_PINS and not own.filter(benchmark=benchmark).exists():
        raise ValidationError(
            _("You have pinned %(most)d benchmarks already: take one off first.") % {"most": MOST_PINS}
        )
    BenchmarkPin.objects.get_or_create(user=user, benchmark=benchmark)


def _checked_name(name: str) -> str:
    name = " ".join(name.split())
    if UNSTORABLE.search(name):
        raise ValidationError(CANNOT_BE_KEPT)
    if not name:
        raise ValidationError(_("Give the view a name."))
    if len(name) > LONGEST_NAME:
        raise ValidationError(
            _("The name of a view has at most %(most)d characters.") % {"most": LONGEST_NAME}
        )
    return name
