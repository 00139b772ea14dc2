"""Names, notes, tags and shares of benchmarks."""

from __future__ import annotations

from rest_framework import serializers

from webapp.benchmarks.labels import LONGEST_NAME, LONGEST_NOTES, LONGEST_TAG, MOST_TAGS
from webapp.benchmarks.models import Benchmark, BenchmarkShare
from webapp.benchmarks.priorities import PRIORITIES


class BenchmarkChangeSerializer(serializers.Serializer):
    """What is left out stays as it is; `tags` replaces all."""

    name = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_NAME)
    notes = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST_NOTES, trim_whitespace=False
    )
    tags = serializers.ListField(
        child=serializers.CharField(max_length=LONGEST_TAG), required=False, max_length=MOST_TAGS
    )
    shared_with_lab = serializers.BooleanField(required=False)
    priority = serializers.ChoiceField(
        PRIORITIES, required=False, help_text="Only administrators give high; 409 if it is over."
    )


class ShareRequestSerializer(serializers.Serializer):
    member = serializers.CharField(help_text="User name (in any case) or account number.")


class ShareSerializer(serializers.ModelSerializer):
    username = serializers.CharField(source="user.username")
    account_number = serializers.IntegerField(source="user.account_number")

    class Meta:
        model = BenchmarkShare
        fields = ["username", "account_number", "created"]


class DeletedBenchmarkSerializer(serializers.ModelSerializer):
    class Meta:
        model = Benchmark
        fields = ["id", "name", "state", "created", "deleted"]
