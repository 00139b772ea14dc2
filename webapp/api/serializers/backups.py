"""Backups."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.jobs.models import Job


class BackupRequestSerializer(serializers.Serializer[Any]):
    with_weights = serializers.BooleanField(
        default=False, help_text="With the weights of one's own models, which makes it large."
    )


class BackupSerializer(serializers.ModelSerializer[Job]):
    contents = serializers.SerializerMethodField(
        help_text="How many benchmarks, models, weights and maps are in it; empty until it is ready."
    )

    class Meta:
        model = Job
        fields = ["id", "state", "progress", "problem", "size", "created", "finished", "contents"]
        read_only_fields = fields

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
    def get_contents(self, job: Job) -> dict[str, int]:
        return job.content
