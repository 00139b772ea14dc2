"""Folders of the server, which administrators register as data sets of the lab."""

from __future__ import annotations

from pathlib import Path

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.errors import SaliscopeError
from webapp.api.base import ApiView
from webapp.api.serializers.datasets import DatasetDetailSerializer
from webapp.api.serializers.folders import FolderLookSerializer, FolderRequestSerializer
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.library import dataset_services as services
from webapp.library.dataset_looks import dry_run
from webapp.library.models import Dataset
from webapp.reasons.showing import shown_reason


class Folders(ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetDetailSerializer
    filter_backends = []
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    @extend_schema(
        operation_id="datasets_folders_create",
        request=FolderRequestSerializer,
        responses={201: DatasetDetailSerializer, 200: OpenApiResponse(FolderLookSerializer, "of a dry run")},
    )
    def post(self, request: Request) -> Response:
        """For administrators: registers a folder for the lab, which a worker then reads; or, as a dry run, says what
        that would give.
        """
        if not request.user.is_staff:
            raise PermissionDenied
        asked = FolderRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        try:
            path = services.allowed_folder(Path(wanted["path"]))
            if wanted["dry_run"]:
                return Response(FolderLookSerializer(dry_run(wanted["format"], path)).data)
            made = services.register_folder(
                name=wanted["name"], format=wanted["format"], path=path, asked_by=request.user
            )
        except (SaliscopeError, OSError) as problem:
            raise ValidationError({"path": [shown_reason(str(problem))]}) from None
        return Response(self.get_serializer(made).data, status=201)
