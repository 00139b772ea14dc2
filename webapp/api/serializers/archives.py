"""Archives of benchmarks."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from webapp.jobs.models import Job


class ArchiveSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(Job.State.choices, source="job.state")
    progress = serializers.FloatField(
        source="job.progress", help_text="Share of the work that is done, 0 to 1."
    )
    problem = serializers.CharField(source="job.problem")
    size = serializers.IntegerField(source="job.size", help_text="Bytes of the file.")
    created = serializers.DateTimeField(source="job.created")
    finished = serializers.DateTimeField(source="job.finished", allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="When it is removed.")
    current = serializers.BooleanField(help_text="Whether it has all that the benchmark has now.")
