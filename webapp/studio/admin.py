"""What members asked the studio for, in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from webapp.common.admin import LookingAdmin, TurnAdmin
from webapp.studio.models import Explanation, Picture, Prediction, StudioTurn


@admin.register(Picture)
class PictureAdmin(LookingAdmin):
    names = _("picture"), _("pictures")
    list_display = ("name", "owner", "width", "height", "created")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "digest")
    date_hierarchy = "created"


class AskedAdmin(LookingAdmin):
    list_select_related = ("owner",)
    search_fields = ("image", "owner__username", "digest")
    date_hierarchy = "created"


@admin.register(Prediction)
class PredictionAdmin(AskedAdmin):
    names = _("prediction"), _("predictions")
    list_display = ("id", "owner", "classifier_id", "image", "state", "attempt", "created")
    list_filter = ("state",)
    heavy = ("classes",)


@admin.register(Explanation)
class ExplanationAdmin(AskedAdmin):
    names = _("saliency map"), _("saliency maps")
    list_display = (
        "id", "owner", "classifier_id", "method", "image", "state", "curves_state", "seconds", "created",
    )  # fmt: skip
    list_filter = ("state", "curves_state", "method", "degenerate")
    heavy = ("parameters", "enhancement", "extras", "curves")


admin.site.register(StudioTurn, TurnAdmin)
