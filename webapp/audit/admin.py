"""The audit log in the admin: looked at, searched, never changed."""

from __future__ import annotations

from django.contrib import admin

from webapp.audit.models import AuditEvent
from webapp.common.admin import LookingAdmin


@admin.register(AuditEvent)
class AuditEventAdmin(LookingAdmin):
    list_display = ("created", "kind", "actor_name", "address", "subject", "details")
    list_filter = ("kind", "created")
    search_fields = ("actor_name", "subject", "=address")
    date_hierarchy = "created"
    list_per_page = 100
