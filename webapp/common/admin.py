"""Django's admin for administrators: everything can be looked at; what is done goes through services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

admin.site.site_header = admin.site.site_title = _("Saliscope administration")
admin.site.index_title = _("Administration")


class LookingAdmin(admin.ModelAdmin):
    """Administrators see the rows and change none: states, specifications and results are changed by services alone.

    `names`: what one row and several are called here; the models' own names are those of the code, and names in their
    Meta would be a migration each time one is put better. `heavy`: fields that lists do not load. `hidden`: fields
    that are not shown at all (packed results).
    """

    names: tuple[Promise, Promise] | None = None
    heavy: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    list_per_page = 50
    # Counting millions of rows to say how many there are without the filter is not worth it.
    show_full_result_count = False

    def __init__(self, model: type[Model], admin_site: admin.AdminSite) -> None:
        super().__init__(model, admin_site)
        if self.names is not None:
            model._meta.verbose_name, model._meta.verbose_name_plural = self.names

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        return super().get_queryset(request).defer(*self.heavy, *self.hidden)

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return self.hidden

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(request.user.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def for_each(
    modeladmin: admin.ModelAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    act: Callable[[Any], object],
    refusals: tuple[type[Exception], ...] = (ValidationError,),
) -> None:
    """Does one thing to each chosen row; what is refused is told with its reason, and the others are done."""
    done = 0
    for row in rows:
        try:
            act(row)
        except refusals as refusal:
            text = " ".join(refusal.messages) if isinstance(refusal, ValidationError) else str(refusal)
            modeladmin.message_user(request, text, messages.WARNING)
        else:
            done += 1
    text = ngettext("%(number)s row done.", "%(number)s rows done.", done) % {"number": done}
    modeladmin.message_user(request, text, messages.SUCCESS)


def sign_in(request: HttpRequest) -> HttpResponse:
    """The admin has no sign-in of its own: the application's has the limits on failed attempts."""
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"), reverse("accounts:sign_in"))


class TurnAdmin(LookingAdmin):
    """Tables of `webapp.common.turns`."""

    names = _("member's turn"), _("turns of members")
    list_display = ("owner", "served_at")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
