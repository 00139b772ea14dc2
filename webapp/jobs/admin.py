"""Jobs in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from webapp.common.admin import LookingAdmin
from webapp.jobs.models import Job, JobTurn


@admin.register(Job)
class JobAdmin(LookingAdmin):
    names = _("job"), _("jobs")
    list_display = ("id", "kind", "owner", "state", "progress", "size", "created", "finished")
    list_filter = ("kind", "state")
    list_select_related = ("owner",)
    search_fields = ("=id", "owner__username")
    date_hierarchy = "created"
    heavy = ("request", "content", "problem")


@admin.register(JobTurn)
class JobTurnAdmin(LookingAdmin):
    names = _("member's turn"), _("turns of members")
    list_display = ("owner", "served_at")
    list_select_related = ("owner",)
    search_fields = ("owner__username",)
