"""Folders of the server."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from saliency_core.datasets.base import FORMATS
from webapp.library.dataset_looks import AUTOMATIC


class FolderRequestSerializer(serializers.Serializer[Any]):
    path = serializers.CharField(max_length=1000, help_text="On the server, as the workers see it.")
    name = serializers.CharField(max_length=100, required=False, help_text="Needed unless it is a dry run.")
    format = serializers.ChoiceField([AUTOMATIC, *(each.key for each in FORMATS)], default=AUTOMATIC)
    dry_run = serializers.BooleanField(default=False, help_text="Only look at it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs["dry_run"] and not attrs.get("name"):
            raise serializers.ValidationError({"name": ["Give the data set a name."]})
        return attrs


class FolderLookSerializer(serializers.Serializer[Any]):
    """What registering a folder would give. Of many images only `checked` are read."""

    format = serializers.CharField()
    path = serializers.CharField()
    images = serializers.IntegerField()
    ground_truth = serializers.ListField(child=serializers.CharField())
    classes = serializers.DictField(child=serializers.IntegerField(), help_text="Images per label.")
    fingerprint = serializers.CharField()
    checked = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.DictField())
