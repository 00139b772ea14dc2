"""Backups of what is the member's own."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.serializers.backups import BackupRequestSerializer, BackupSerializer
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.backups import services
from webapp.backups import views as pages
from webapp.jobs.models import Job
from webapp.jobs.services import delete_job


class BackupView(ApiView):
    """A view of the member's backups."""

    queryset = Job.objects.none()
    serializer_class = BackupSerializer
    filter_backends = []

    def get_queryset(self) -> QuerySet[Job]:
        return Job.objects.visible_to(self.request.user).filter(kind=Job.Kind.BACKUP)


class Backups(mixins.ListModelMixin, BackupView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get(self, request: Request) -> Response:
        """One's backups, newest first."""
        return self.list(request)

    @extend_schema(request=BackupRequestSerializer, responses={202: BackupSerializer})
    def post(self, request: Request) -> Response:
        """Asks for a backup; the one that is being made, if there is one. Ask for it again until it is ready."""
        asked = BackupRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        job = services.request_backup(owner=request.user, **asked.validated_data)
        return Response(self.get_serializer(job).data, status=202)


class BackupDetail(BackupView):
    def get(self, request: Request, pk: int) -> Response:
        """One backup: how far it is, and what is in it."""
        return Response(self.get_serializer(self.get_object()).data)

    def delete(self, request: Request, pk: int) -> Response:
        """Removes a backup with its file; one that is being made is stopped."""
        delete_job(self.get_object())
        return Response(status=204)


class BackupFile(BackupView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        """The ZIP of a backup that is ready."""
        return pages.download(request._request, pk=self.get_object().pk)
