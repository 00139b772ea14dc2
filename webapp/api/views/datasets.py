"""Data sets: lists, uploads, changes, and images with their ground truth."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.errors import SaliscopeError
from webapp.api.base import ApiView
from webapp.api.errors import Conflict, refusal
from webapp.api.filters import DatasetFilter
from webapp.api.serializers.datasets import (
    DatasetChangeSerializer,
    DatasetDetailSerializer,
    DatasetImageSerializer,
    DatasetSerializer,
    DatasetUploadSerializer,
)
from webapp.api.throttles import AnonymousThrottle, MemberThrottle, UploadThrottle
from webapp.library import dataset_services as services
from webapp.library.dataset_forms import UploadDatasetForm
from webapp.library.dataset_views.files import LARGE_SIDE, masks_of, picture_of
from webapp.library.models import Dataset
from webapp.library.selectors import datasets_for
from webapp.library.truth import Colours, images_with, shown_image

_CLASS = OpenApiParameter(
    "class", str, description="Of images that this class is on, or the mask of it alone."
)


class Datasets(mixins.ListModelMixin, ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer
    filterset_class = DatasetFilter
    parser_classes = [MultiPartParser]
    throttle_classes = [MemberThrottle, AnonymousThrottle, UploadThrottle]

    def get_queryset(self) -> QuerySet[Dataset]:
        return Dataset.objects.visible_to(self.request.user).select_related("owner")

    def get(self, request: Request) -> Response:
        """The lab's data sets, one's own, and those that others share; `?state=ready` for those that can be used."""
        return self.list(request)

    @extend_schema(
        operation_id="datasets_create",
        request={"multipart/form-data": DatasetUploadSerializer},
        responses={201: DatasetDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Uploads an archive. A worker then unpacks it and looks at every file: see `state` and `problem`."""
        form = UploadDatasetForm(request.data, request.FILES)
        if not form.is_valid():
            raise refusal(Refusal(form.errors.as_data()))
        kept = services.upload_dataset(owner=request.user, **form.cleaned_data)
        return Response(_detail(self, kept), status=201)


class DatasetDetail(mixins.RetrieveModelMixin, ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetDetailSerializer

    def get_queryset(self) -> QuerySet[Dataset]:
        rows = Dataset.objects
        if self.request.method == "GET":
            return rows.visible_to(self.request.user).select_related("owner")
        return rows.owned_by(self.request.user)

    def get(self, request: Request, pk: int) -> Response:
        """One data set: its classes and the problems that its files have."""
        return self.retrieve(request)

    @extend_schema(request=DatasetChangeSerializer, responses=DatasetDetailSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Renames one of one's own data sets, or shares it with the lab."""
        found = self.get_object()
        asked = DatasetChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        services.edit_dataset(found, **{"name": found.name, **asked.validated_data})
        return Response(_detail(self, found))

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes one of one's own data sets with its files, unless benchmarks use it (409)."""
        try:
            services.delete_dataset(self.get_object())
        except Refusal as refused:
            raise Conflict(" ".join(refused.messages)) from None
        return Response(status=204)


class CancelDataset(ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetDetailSerializer

    def get_queryset(self) -> QuerySet[Dataset]:
        return Dataset.objects.stoppable_by(self.request.user).select_related("owner")

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Gives up the preparation of one of one's own data sets (administrators: of any they see). 409 where it is not
        being prepared.
        """
        found = self.get_object()
        if not services.cancel_dataset(found):
            raise Conflict(_("%(name)s is not being prepared any more.") % {"name": found.name})
        return Response(_detail(self, found))


class _OfOneDataset(ApiView):
    queryset = Dataset.objects.none()
    filter_backends = []

    def get_queryset(self) -> QuerySet[Dataset]:
        return datasets_for(self.request.user)


class DatasetImages(_OfOneDataset):
    serializer_class = DatasetImageSerializer

    @extend_schema(
        operation_id="dataset_images_list", parameters=[_CLASS], responses=DatasetImageSerializer(many=True)
    )
    def get(self, request: Request, pk: int) -> Response:
        """The images in the data set's order, with identifiers, labels, boxes and names of masks."""
        found = self.get_object()
        try:
            page = self.paginate_queryset(images_with(found, request.query_params.get("class", "")))
            shown = [shown_image(found, index, Colours(found)) for index in page]
        except (SaliscopeError, OSError) as problem:
            raise Conflict(str(problem)) from None
        context = {**self.get_serializer_context(), "dataset": found}
        return self.get_paginated_response(DatasetImageSerializer(shown, many=True, context=context).data)


class DatasetImageFile(_OfOneDataset):
    @extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, index: int) -> HttpResponse:
        """One image, written anew."""
        return picture_of(self.get_object(), index)


class DatasetMasksFile(_OfOneDataset):
    @extend_schema(parameters=[_CLASS], responses={(200, "image/png"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int, index: int) -> HttpResponse:
        """The masks of one image in colours on nothing, at most 1280 pixels a side."""
        return masks_of(self.get_object(), index, LARGE_SIDE, request.query_params.get("class"))


def _detail(view: ApiView, dataset: Dataset) -> dict[str, Any]:
    return DatasetDetailSerializer(dataset, context=view.get_serializer_context()).data
