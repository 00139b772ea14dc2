"""Workers and the queue."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.benchmarks.models import Benchmark, WorkerNode
from webapp.benchmarks.priorities import PRIORITIES
from webapp.benchmarks.queue import AtWork


class MemorySerializer(serializers.Serializer):
    """Bytes; what a worker could not find out is null."""

    host_used = serializers.IntegerField(allow_null=True, help_text="By the worker's process.")
    host_total = serializers.IntegerField(allow_null=True)
    device_used = serializers.IntegerField(allow_null=True, help_text="Of the GPU, by all processes.")
    device_total = serializers.IntegerField(allow_null=True)


class ShardAtWorkSerializer(serializers.Serializer):
    """A part of a benchmark: images of one method, counted in the benchmark's subset from 0."""

    benchmark = serializers.IntegerField()
    owner = serializers.CharField()
    method = serializers.CharField(allow_null=True, help_text="null for a benchmark that you may not see.")
    start = serializers.IntegerField()
    stop = serializers.IntegerField(help_text="One past the last image.")
    progress = serializers.FloatField(help_text="0 to 1.")


class WorkerSerializer(serializers.Serializer):
    id = serializers.IntegerField(source="worker.pk")
    name = serializers.CharField(source="worker.name")
    kind = serializers.ChoiceField(WorkerNode.Kind.choices, source="worker.kind")
    mode = serializers.ChoiceField(WorkerNode.Mode.choices, source="worker.mode")
    device = serializers.CharField(source="worker.device")
    label = serializers.CharField(source="worker.label")
    is_current = serializers.BooleanField(
        help_text="Whether it runs the web application's code: one that does not takes no work."
    )
    versions = serializers.DictField(source="worker.versions")
    memory = serializers.SerializerMethodField()
    started_at = serializers.DateTimeField(source="worker.started_at")
    heartbeat_at = serializers.DateTimeField(source="worker.heartbeat_at")
    activity = serializers.CharField(source="worker.activity", help_text="Empty where it is idle.")
    at = serializers.SerializerMethodField(help_text="The part of a benchmark that it is at, or null.")

    @extend_schema_field(MemorySerializer())
    def get_memory(self, each: AtWork) -> dict[str, int | None]:
        names = ("host_used", "host_total", "device_used", "device_total")
        return {name: each.worker.memory.get(name) for name in names}

    @extend_schema_field(ShardAtWorkSerializer(allow_null=True))
    def get_at(self, each: AtWork) -> dict[str, Any] | None:
        if each.shard is None:
            return None
        return {
            "benchmark": each.shard.benchmark_id,
            "owner": each.shard.benchmark.owner.username,
            "method": each.method_title or None,
            "start": each.shard.start,
            "stop": each.shard.stop,
            "progress": each.shard.progress,
        }


class WorkerModeSerializer(serializers.Serializer):
    mode = serializers.ChoiceField(WorkerNode.Mode.choices)


class WaitingSerializer(serializers.Serializer):
    turn = serializers.IntegerField(help_text="Place of its owner among the members who wait, from 1.")
    benchmark = serializers.IntegerField(source="benchmark.pk")
    owner = serializers.CharField(source="benchmark.owner.username")
    state = serializers.ChoiceField(Benchmark.State.choices, source="benchmark.state")
    priority = serializers.ChoiceField(PRIORITIES, source="benchmark.priority_name")
    device_label = serializers.CharField(
        source="benchmark.device_label", help_text="Only workers with this label take it; empty: any."
    )
    missing_label = serializers.BooleanField(help_text="Whether no worker with that label takes work.")
    shards_waiting = serializers.IntegerField()
    shards_running = serializers.IntegerField()
    images_waiting = serializers.IntegerField(help_text="Counted once for each method.")
    seconds_left = serializers.FloatField(
        source="seconds", allow_null=True, help_text="If it had the workers that take work to itself."
    )
