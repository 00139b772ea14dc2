"""Models and data sets in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from webapp.common.admin import LookedAtOnly
from webapp.library.models import Classifier, Dataset


@admin.register(Classifier)
class ClassifierAdmin(LookedAtOnly):
    list_display = ("name", "owner", "library", "architecture", "state", "shared_with_lab", "created")
    list_select_related = ("owner",)
    list_filter = ("state", "library", "shared_with_lab")
    search_fields = ("name", "architecture", "owner__username")


@admin.register(Dataset)
class DatasetAdmin(LookedAtOnly):
    list_display = ("name", "owner", "format", "number_of_images", "state", "shared_with_lab")
    list_select_related = ("owner",)
    list_filter = ("state", "format", "shared_with_lab")
    search_fields = ("name", "path", "owner__username")
