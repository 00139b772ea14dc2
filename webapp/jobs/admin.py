"""Jobs in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from webapp.common.admin import LookingAdmin, TurnAdmin
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


admin.site.register(JobTurn, TurnAdmin)
