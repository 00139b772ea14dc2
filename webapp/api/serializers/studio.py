"""Maps."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from webapp.benchmarks.image_table import PAGE_SIZE
from webapp.studio.models import Explanation


class ExplanationRequestSerializer(serializers.Serializer):
    images = serializers.ListField(
        child=serializers.CharField(max_length=500),
        min_length=1,
        max_length=PAGE_SIZE,
        help_text="Identifiers of measured images, as the CSV names them.",
    )
    method = serializers.IntegerField(
        min_value=0, max_value=1000, default=0, help_text="Its place in the benchmark's list, from 0."
    )
    experiment = serializers.IntegerField(
        min_value=0,
        max_value=1000,
        default=0,
        help_text="Its place: experiments may explain different classes.",
    )


class ExplanationFilesSerializer(serializers.Serializer):
    overlay = serializers.URLField(help_text="The image with the map laid over it, WebP.")
    map = serializers.URLField(help_text="The raw map, float32 H × W, NPY.")


class ExplanationSerializer(serializers.ModelSerializer):
    url = serializers.HyperlinkedIdentityField(view_name="api:explanation")
    files = serializers.SerializerMethodField(help_text="Once the state is “ready”; null before.")

    class Meta:
        model = Explanation
        fields = [
            "id", "url", "state", "problem", "classifier", "dataset", "image", "method", "parameters", "enhancement",
            "target", "degenerate", "seconds", "created", "files",
        ]  # fmt: skip

    @extend_schema_field(ExplanationFilesSerializer(allow_null=True))
    def get_files(self, explanation: Explanation) -> dict[str, Any] | None:
        if explanation.state != Explanation.State.READY:
            return None
        names = {"overlay": "api:explanation_overlay", "map": "api:explanation_map"}
        return {
            name: reverse(route, kwargs={"pk": explanation.pk}, request=self.context["request"])
            for name, route in names.items()
        }
