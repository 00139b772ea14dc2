"""Benchmarks as a whole: shared, run again, deleted and brought back."""

from __future__ import annotations

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.serializers.benchmarks import BenchmarkDetailSerializer
from webapp.api.serializers.keeping import (
    DeletedBenchmarkSerializer,
    ShareRequestSerializer,
    ShareSerializer,
)
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.api.views.benchmarks import BenchmarkView
from webapp.benchmarks.deletion import deleted_benchmarks, restore_benchmark
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.repeating import rerun_benchmark
from webapp.benchmarks.sharing import share_with_member, withdraw_share


class Shares(BenchmarkView):
    serializer_class = ShareSerializer
    pagination_class = None
    filter_backends = []

    @extend_schema(operation_id="benchmarks_shares_list", responses=ShareSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """The members whom the owner has shown it to; for the owner alone."""
        shares = self.get_own_object().shares.select_related("user").order_by("user__username")
        return Response(ShareSerializer(shares, many=True).data)

    @extend_schema(request=ShareRequestSerializer, responses={201: ShareSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Shows it to a member, who sees it, takes files away and changes nothing."""
        benchmark = self.get_own_object()
        asked = ShareRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        share = share_with_member(benchmark, member=asked.validated_data["member"])
        return Response(ShareSerializer(share).data, status=201)


class Share(BenchmarkView):
    @extend_schema(operation_id="benchmarks_shares_destroy", responses={204: None})
    def delete(self, request: Request, pk: int, account_number: int) -> Response:
        """Ends a share; open pages of that member get nothing more."""
        withdraw_share(get_object_or_404(self.get_own_object().shares, user__account_number=account_number))
        return Response(status=204)


class RerunBenchmark(BenchmarkView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    @extend_schema(request=None, responses={201: BenchmarkDetailSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Queues the same specification again; the new benchmark has this one as its `origin`."""
        queued = rerun_benchmark(self.get_own_object(), owner=request.user)
        return self.answer(queued.pk, status=201)


class DeletedBenchmarks(mixins.ListModelMixin, ApiView):
    queryset = Benchmark.objects.none()
    serializer_class = DeletedBenchmarkSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[Benchmark]:
        return deleted_benchmarks(self.request.user)

    @extend_schema(operation_id="benchmarks_deleted_list")
    def get(self, request: Request) -> Response:
        """One's own deleted ones that can still be brought back, the last deleted first."""
        return self.list(request)


class RestoreBenchmark(BenchmarkView):
    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Brings a deleted benchmark back; what was cancelled by deleting it can be resumed."""
        restore_benchmark(get_object_or_404(deleted_benchmarks(request.user), pk=pk))
        return self.answer(pk)
