"""Workers and the queue."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.errors import Conflict
from webapp.api.serializers.operations import WaitingSerializer, WorkerModeSerializer, WorkerSerializer
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.queue import AtWork, queue_for, workers_at_work
from webapp.benchmarks.worker_services import set_mode


class Workers(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = WorkerSerializer

    @extend_schema(operation_id="workers_list", responses=WorkerSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Workers heard of in the last 15 seconds, and what they do."""
        return Response(self.get_serializer(workers_at_work(request.user), many=True).data)


class Worker(ApiView):
    serializer_class = WorkerSerializer

    @extend_schema(operation_id="workers_retrieve")
    def get(self, request: Request, pk: int) -> Response:
        """One living worker."""
        found = next((each for each in workers_at_work(request.user) if each.worker.pk == pk), None)
        if found is None:
            raise Http404
        return Response(self.get_serializer(found).data)

    @extend_schema(operation_id="workers_mode", request=WorkerModeSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """For administrators. `paused`: takes no new work; `draining`: finishes what it is at, starts afresh and is
        then paused; `working`: takes work again. What is under way is never lost. 409 to drain what does not run.
        """
        if not request.user.is_staff:
            raise PermissionDenied
        worker = get_object_or_404(WorkerNode, pk=pk)
        asked = WorkerModeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        try:
            changed = set_mode(worker=worker, mode=asked.validated_data["mode"])
        except Refusal as refused:
            raise Conflict(" ".join(refused.messages)) from None
        return Response(self.get_serializer(self._shown(changed)).data)

    def _shown(self, worker: WorkerNode) -> Any:
        alive: list[AtWork] = workers_at_work(self.request.user)
        return next((each for each in alive if each.worker.pk == worker.pk), AtWork(worker, None, False))


class Queue(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = WaitingSerializer

    @extend_schema(operation_id="queue_list", responses=WaitingSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All members' queued and running benchmarks in the order in which they are served: by priority, and within
        one members in turn, a part each.
        """
        return Response(self.get_serializer(queue_for(request.user), many=True).data)
