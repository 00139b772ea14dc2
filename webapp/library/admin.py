"""Models, data sets and settings in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.common.admin import LookingAdmin
from webapp.library.models import Classifier, Dataset, ForwardRate, MethodSettings


@admin.register(Classifier)
class ClassifierAdmin(LookingAdmin):
    names = _("model"), _("models")
    list_display = (
        "name",
        "owner",
        "library",
        "architecture",
        "family",
        "state",
        "shared_with_lab",
        "created",
    )
    list_filter = ("state", "library", "family", "shared_with_lab")
    list_select_related = ("owner",)
    search_fields = ("name", "architecture", "weights_sha256", "owner__username")
    heavy = ("class_names", "description", "compatibility", "preprocessing", "earlier_preprocessings")


@admin.register(Dataset)
class DatasetAdmin(LookingAdmin):
    names = _("data set"), _("data sets")
    list_display = (
        "name", "owner", "format", "number_of_images", "state", "shared_with_lab", "registered_at",
    )  # fmt: skip
    list_filter = ("state", "format", "shared_with_lab")
    list_select_related = ("owner",)
    search_fields = ("name", "path", "fingerprint", "owner__username")
    heavy = ("classes", "problems", "ground_truth")


@admin.register(ForwardRate)
class ForwardRateAdmin(LookingAdmin):
    names = _("forward rate"), _("forward rates")
    list_display = ("classifier", "device", "precision", "images_per_second", "measured_at")
    list_filter = ("precision", "device")
    search_fields = ("classifier__name", "device")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return _with_light_classifier(super().get_queryset(request))


@admin.register(MethodSettings)
class MethodSettingsAdmin(LookingAdmin):
    names = _("member's settings of a method"), _("members' settings of methods")
    list_display = ("owner", "classifier", "method", "changed")
    list_filter = ("method",)
    search_fields = ("owner__username", "classifier__name", "method")
    heavy = ("parameters",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return _with_light_classifier(super().get_queryset(request)).select_related("owner")


def _with_light_classifier(rows: QuerySet[Any]) -> QuerySet[Any]:
    """The rows with their models, without what is long in these."""
    # defer adds to what is deferred already.
    return rows.select_related("classifier").defer(*(f"classifier__{name}" for name in ClassifierAdmin.heavy))
