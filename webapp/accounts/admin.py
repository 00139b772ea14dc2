"""Accounts in the admin: who may come in and who is an administrator."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import ApiToken, User
from webapp.accounts.services import sign_out_everywhere
from webapp.common.admin import LookingAdmin, for_each


class NewMemberForm(AdminUserCreationForm):
    class Meta(AdminUserCreationForm.Meta):
        model = User


class MemberForm(UserChangeForm):
    class Meta(UserChangeForm.Meta):
        model = User


@admin.register(User)
class MemberAdmin(UserAdmin):
    form = MemberForm
    add_form = NewMemberForm
    list_display = (
        "username",
        "account_number",
        "email",
        "is_active",
        "is_staff",
        "date_joined",
        "last_login",
    )
    list_filter = ("is_active", "is_staff", "is_superuser", "language")
    search_fields = ("username", "email", "=account_number")
    ordering = ("account_number",)
    date_hierarchy = "date_joined"
    show_full_result_count = False
    readonly_fields = ("account_number", "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("account_number", "username", "password", "email")}),
        (_("What the account may do"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Appearance"), {"fields": ("language", "theme", "keyboard_shortcuts")}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
    )
    actions = ("end_sessions",)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        for_each(self, request, rows, sign_out_everywhere)


@admin.register(ApiToken)
class ApiTokenAdmin(LookingAdmin):
    """Tokens can be looked at and revoked; the token itself is nowhere."""

    list_display = ("name", "owner", "prefix", "created", "last_used", "expires")
    list_filter = ("created", "expires")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    hidden = ("sha256",)

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return bool(request.user.is_superuser)
