"""Accounts in the admin: who may come in and who is an administrator."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import ApiToken, User
from webapp.accounts.services import sign_out_everywhere
from webapp.accounts.tokens import revoke_token
from webapp.audit.models import AuditEvent
from webapp.audit.recording import record
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

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Django tells here of every change, that of a password by its own form included."""
        changed = (
            [name for each in message for name in each.get("changed", {}).get("fields", [])]
            if isinstance(message, list)
            else []
        )
        record(AuditEvent.Kind.ACCOUNT_CHANGED, obj, changed=[str(name) for name in changed] or ["password"])
        return super().log_change(request, obj, message)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        record(AuditEvent.Kind.SIGNED_UP, obj)
        return super().log_addition(request, obj, message)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        record(AuditEvent.Kind.DELETED, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for each in queryset:
            record(AuditEvent.Kind.DELETED, each)
        super().delete_queryset(request, queryset)

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, rows: QuerySet[User]) -> None:
        for_each(self, request, rows, sign_out_everywhere)


@admin.register(ApiToken)
class ApiTokenAdmin(LookingAdmin):
    """Tokens can be looked at and revoked; the token itself is nowhere."""

    names = _("API token"), _("API tokens")
    list_display = ("name", "owner", "prefix", "created", "last_used", "expires")
    list_filter = ("created", "expires")
    list_select_related = ("owner",)
    search_fields = ("name", "prefix", "owner__username")
    hidden = ("sha256",)

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return bool(request.user.is_superuser)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        revoke_token(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for each in queryset:
            revoke_token(each)
