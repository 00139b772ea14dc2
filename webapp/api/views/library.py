"""Classifiers, data sets and workers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.errors import Conflict, refusal
from webapp.api.filters import ClassifierFilter
from webapp.api.serializers.library import (
    ClassifierDetailSerializer,
    ClassifierSerializer,
    ClassifierUploadSerializer,
    DatasetDetailSerializer,
    DatasetSerializer,
    WorkerSerializer,
)
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle, UploadThrottle
from webapp.benchmarks.selectors import live_workers
from webapp.library import services
from webapp.library.forms import ImportClassifierForm
from webapp.library.models import Classifier, Dataset
from webapp.library.selectors import classifiers_for, datasets_for


class Classifiers(mixins.ListModelMixin, ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierSerializer
    filterset_class = ClassifierFilter
    parser_classes = [MultiPartParser]
    throttle_classes = [MemberThrottle, AnonymousThrottle, UploadThrottle]

    def get_queryset(self) -> QuerySet[Classifier]:
        return classifiers_for(self.request.user)

    def get(self, request: Request) -> Response:
        """The built-in models and one's own."""
        return self.list(request)

    @extend_schema(
        operation_id="classifiers_create",
        request={"multipart/form-data": ClassifierUploadSerializer},
        responses={201: ClassifierDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Uploads weights of an architecture. A worker then checks the file: see `state` and `problem`."""
        usual = ImportClassifierForm(owner=request.user)
        given = {
            name: field.prepare_value(usual.initial.get(name, ""))
            for name, field in usual.fields.items()
            if name not in request.FILES
        } | {name: value for name, value in request.data.items() if name not in request.FILES}
        form = ImportClassifierForm(given, request.FILES, owner=request.user)
        if not form.is_valid():
            raise refusal(Refusal(form.errors.as_data()))
        cleaned = form.cleaned_data
        imported = services.import_classifier(
            owner=request.user,
            name=cleaned["name"],
            library=cleaned["library"],
            architecture=cleaned["architecture"],
            weights=cleaned["weights"],
            preprocessing=form.preprocessing(),
            class_names=cleaned["class_names"],
        )
        return Response(_detail(self, imported), status=201)


class ClassifierDetail(ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierDetailSerializer

    def get_queryset(self) -> QuerySet[Classifier]:
        found = classifiers_for(self.request.user)
        return found.filter(owner=self.request.user) if self.request.method == "DELETE" else found

    def get(self, request: Request, pk: int) -> Response:
        """One model: its state, layers, and the methods that can't explain it."""
        return Response(_detail(self, self.get_object()))

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes one of one's own models, unless benchmarks use it (409)."""
        try:
            services.delete_classifier(self.get_object())
        except Refusal as refused:
            raise Conflict(" ".join(refused.messages)) from None
        return Response(status=204)


class PrepareClassifier(ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierDetailSerializer
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get_queryset(self) -> QuerySet[Classifier]:
        return classifiers_for(self.request.user)

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Asks a worker to fetch the weights; nothing happens if they are there or under way."""
        found = self.get_object()
        services.request_preparation(found)
        return Response(_detail(self, found))


def _detail(view: ApiView, classifier: Classifier) -> dict[str, Any]:
    return ClassifierDetailSerializer(classifier, context=view.get_serializer_context()).data


class Datasets(mixins.ListModelMixin, ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetSerializer

    def get_queryset(self) -> QuerySet[Dataset]:
        return datasets_for(self.request.user)

    def get(self, request: Request) -> Response:
        """All data sets."""
        return self.list(request)


class DatasetDetail(mixins.RetrieveModelMixin, ApiView):
    queryset = Dataset.objects.none()
    serializer_class = DatasetDetailSerializer

    def get_queryset(self) -> QuerySet[Dataset]:
        return datasets_for(self.request.user)

    def get(self, request: Request, pk: int) -> Response:
        """One data set: its classes and the problems that its files have."""
        return self.retrieve(request)


class Workers(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = WorkerSerializer

    @extend_schema(operation_id="workers_list", responses=WorkerSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Workers heard of in the last 15 seconds, and what they do."""
        return Response(self.get_serializer(live_workers(), many=True).data)
