"""Members and their tokens in Django's admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.utils.translation import gettext_lazy as _

from webapp.accounts.models import ApiToken, User
from webapp.common.admin import LookedAtOnly


@admin.register(User)
class MemberAdmin(UserAdmin):
    list_display = ("username", "account_number", "email", "is_staff", "is_active", "last_login")
    search_fields = ("username", "email", "account_number")
    readonly_fields = ("account_number", "last_login", "date_joined")
    fieldsets = (*UserAdmin.fieldsets, (_("Account"), {"fields": ("account_number", "language", "theme")}))


@admin.register(ApiToken)
class ApiTokenAdmin(LookedAtOnly):
    list_display = ("name", "owner", "prefix", "created", "last_used", "expires")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    fields = ("owner", "name", "prefix", "created", "last_used", "expires")
