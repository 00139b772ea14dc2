"""Benchmarks: queue, watch, stop."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api import queueing
from webapp.api.base import ApiView
from webapp.api.filters import BenchmarkFilter
from webapp.api.serializers.benchmarks import (
    BenchmarkDetailSerializer,
    BenchmarkRequestSerializer,
    BenchmarkSerializer,
    EstimateSerializer,
    EventSerializer,
)
from webapp.api.serializers.keeping import BenchmarkChangeSerializer
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.benchmarks import services
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.labels import label_benchmark
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.priorities import set_priority
from webapp.benchmarks.selectors import benchmarks_for, events_after
from webapp.benchmarks.sharing import share_with_lab

MOST_EVENTS = 500
LARGEST_NUMBER = 2**31 - 1
EXAMPLE = OpenApiExample(
    "Grad-CAM with and without enhancement",
    value={
        "classifier": 1,
        "dataset": 1,
        "number_of_images": 100,
        "methods": [{"key": "grad_cam"}, {"key": "grad_cam", "enhancement": {"stride": 32}}],
        "experiments": [{"experiment": "insertion_deletion", "protocol": "thesis@1"}],
    },
    request_only=True,
)


class BenchmarkView(ApiView):
    """A view of the member's benchmarks."""

    queryset = Benchmark.objects.none()
    serializer_class = BenchmarkDetailSerializer

    def get_queryset(self) -> QuerySet[Benchmark]:
        return benchmarks_for(self.request.user)

    def get_own_object(self) -> Benchmark:
        """The benchmark, if the member may change it."""
        return get_object_or_404(Benchmark.objects.owned_by(self.request.user), pk=self.kwargs["pk"])

    def answer(self, pk: int, status: int = 200) -> Response:
        """The benchmark as it is now."""
        benchmark = self.get_queryset().get(pk=pk)
        context = self.get_serializer_context()
        return Response(BenchmarkDetailSerializer(benchmark, context=context).data, status=status)


class Benchmarks(mixins.ListModelMixin, BenchmarkView):
    serializer_class = BenchmarkSerializer
    filterset_class = BenchmarkFilter
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get_queryset(self) -> QuerySet[Benchmark]:
        return super().get_queryset().prefetch_related("tags")

    def get(self, request: Request) -> Response:
        """The benchmarks that one sees, newest first."""
        return self.list(request)

    @extend_schema(
        request=BenchmarkRequestSerializer, responses={201: BenchmarkDetailSerializer}, examples=[EXAMPLE]
    )
    def post(self, request: Request) -> Response:
        """Queues a benchmark: every method, enhanced or not, under every experiment."""
        asked = BenchmarkRequestSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        benchmark = queueing.queue(request.user, asked.validated_data)
        return self.answer(benchmark.pk, status=201)


class Estimate(ApiView):
    serializer_class = EstimateSerializer

    @extend_schema(request=BenchmarkRequestSerializer, responses=EstimateSerializer, examples=[EXAMPLE])
    def post(self, request: Request) -> Response:
        """How long a benchmark would take; nothing is queued."""
        asked = BenchmarkRequestSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        return Response(queueing.expected(asked.validated_data))


class BenchmarkDetail(BenchmarkView):
    def get(self, request: Request, pk: int) -> Response:
        """One benchmark: progress, figures, failures, and everything that its figures depend on."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=BenchmarkChangeSerializer, responses=BenchmarkDetailSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Changes name, notes, tags, priority, or whether the lab sees it."""
        benchmark = self.get_own_object()
        asked = BenchmarkChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        changes = asked.validated_data
        shared = changes.pop("shared_with_lab", None)
        priority = changes.pop("priority", None)
        with transaction.atomic():
            if priority is not None:
                set_priority(benchmark, priority, by=request.user)
            label_benchmark(benchmark, **changes)
        if shared is not None:
            share_with_lab(benchmark, shared=shared)
        return self.answer(pk)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes it, cancelled first if it is not over; `restore` brings it back within some days."""
        delete_benchmark(self.get_own_object())
        return Response(status=204)


class CancelBenchmark(BenchmarkView):
    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Stops a benchmark (409 if it is over); what is done stays and can be resumed."""
        services.cancel_benchmark(self.get_own_object())
        return self.answer(pk)


class PauseBenchmark(BenchmarkView):
    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Has no more of a queued or running benchmark measured until it is resumed (409 for others)."""
        services.pause_benchmark(self.get_own_object())
        return self.answer(pk)


class ResumeBenchmark(BenchmarkView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Goes on where a paused, failed or cancelled benchmark stopped (409 for others)."""
        services.resume_benchmark(self.get_own_object())
        return self.answer(pk)


class Events(BenchmarkView):
    pagination_class = None
    filter_backends = []
    serializer_class = EventSerializer

    @extend_schema(
        operation_id="benchmarks_events",
        parameters=[
            OpenApiParameter(
                "after", OpenApiTypes.INT, description="Only events with a higher number (seq) than this."
            )
        ],
        responses=EventSerializer(many=True),
    )
    def get(self, request: Request, pk: int) -> Response:
        """The log, at most 500 events: ask again with the last number for those that follow."""
        benchmark = self.get_object()
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and int(after[:12]) <= LARGEST_NUMBER):
            raise ValidationError({"after": ["Give the number of an event, such as 12."]})
        events = events_after(benchmark.pk, int(after))[:MOST_EVENTS]
        return Response(EventSerializer(events, many=True).data)
