"""Who asks, and classifiers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.classifiers.architecture_names import LIBRARIES, search_names
from webapp.api.base import ApiView
from webapp.api.errors import Conflict, refusal
from webapp.api.filters import ClassifierFilter
from webapp.api.serializers.library import (
    ArchitectureSerializer,
    ClassifierChangeSerializer,
    ClassifierDetailSerializer,
    ClassifierSerializer,
    ClassifierUploadSerializer,
    CompatibilitySerializer,
)
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle, UploadThrottle
from webapp.library import services
from webapp.library.classifier_changes import change_classifier, change_preprocessing
from webapp.library.compatibility import request_report
from webapp.library.forms import ChangePreprocessingForm, ImportClassifierForm
from webapp.library.models import Classifier
from webapp.library.report import shown_methods
from webapp.library.selectors import classifiers_for

MOST_ARCHITECTURES = 100


class Classifiers(mixins.ListModelMixin, ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierSerializer
    filterset_class = ClassifierFilter
    parser_classes = [MultiPartParser]
    throttle_classes = [MemberThrottle, AnonymousThrottle, UploadThrottle]

    def get_queryset(self) -> QuerySet[Classifier]:
        return classifiers_for(self.request.user).select_related("owner")

    def get(self, request: Request) -> Response:
        """The built-in models, one's own and those shared with the lab."""
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
            output_activation=cleaned["output_activation"],
        )
        return Response(_detail(self, imported), status=201)


class ClassifierDetail(ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierDetailSerializer

    def get_queryset(self) -> QuerySet[Classifier]:
        found = classifiers_for(self.request.user).select_related("owner")
        # The same for all changes: what is shared may be used only.
        return (
            found
            if self.request.method in ("GET", "HEAD", "OPTIONS")
            else found.filter(owner=self.request.user)
        )

    def get(self, request: Request, pk: int) -> Response:
        """One model: its state, layers, and the methods that can't explain it."""
        return Response(_detail(self, self.get_object()))

    @extend_schema(request=ClassifierChangeSerializer, responses=ClassifierDetailSerializer)
    def patch(self, request: Request, pk: int) -> Response:
        """Renames one of one's own models, shares it with the lab or takes it back, changes its preprocessing.

        Another preprocessing has a worker look at the model again; benchmarks and maps keep what they were asked for
        with. 409 for one of a model that is not ready. Of several changes all are made or none.
        """
        found = self.get_object()
        asked = ClassifierChangeSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        parts = given.pop("preprocessing", None)
        wanted = None if parts is None else _preprocessing(found, parts)
        with transaction.atomic():
            if given:
                change_classifier(found, **given)
            if wanted is not None:
                _change_preprocessing(found, wanted)
        return Response(_detail(self, found))

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
        services.request_preparation(found, asked_by=request.user)
        return Response(_detail(self, found))


class CancelPreparation(ApiView):
    queryset = Classifier.objects.none()
    serializer_class = ClassifierDetailSerializer

    def get_queryset(self) -> QuerySet[Classifier]:
        return Classifier.objects.stoppable_by(self.request.user).select_related("owner")

    @extend_schema(request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Gives up the preparation of one of one's own models (administrators: of any they see); `prepare` asks for it
        again. 409 where it is not being prepared.
        """
        found = self.get_object()
        if not services.cancel_preparation(found):
            raise Conflict(_("%(name)s is not being prepared any more.") % {"name": found.name})
        return Response(_detail(self, found))


class ClassifierCompatibility(ApiView):
    queryset = Classifier.objects.none()
    serializer_class = CompatibilitySerializer
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get_queryset(self) -> QuerySet[Classifier]:
        return classifiers_for(self.request.user)

    def get(self, request: Request, pk: int) -> Response:
        """What can be done with a model: layers, methods, conservation of relevance, classes of photographs."""
        return Response(_compatibility(self.get_object()))

    @extend_schema(operation_id="classifiers_compatibility_again", request=None)
    def post(self, request: Request, pk: int) -> Response:
        """Has a worker look at a ready model again; nothing happens if that is under way."""
        found = self.get_object()
        request_report(found)
        return Response(_compatibility(found))


class Architectures(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = ArchitectureSerializer

    @extend_schema(
        operation_id="architectures_list",
        responses=ArchitectureSerializer(many=True),
        parameters=[
            OpenApiParameter("search", str, description="Parts of the name, in any order."),
            OpenApiParameter("library", str, enum=list(LIBRARIES)),
        ],
    )
    def get(self, request: Request) -> Response:
        """Architectures of torchvision and timm by parts of their names, at most 100, the best first."""
        library = request.query_params.get("library", "")
        libraries = [library] if library in LIBRARIES else [] if library else list(LIBRARIES)
        found = search_names(request.query_params.get("search", ""), libraries, limit=MOST_ARCHITECTURES)
        return Response(self.get_serializer([asdict(each) for each in found], many=True).data)


def _preprocessing(classifier: Classifier, given: dict[str, Any]) -> dict[str, Any]:
    """The model's preprocessing with what was given, checked by the form that its page has. Raises ValidationError."""
    form = ChangePreprocessingForm(classifier=classifier)
    if form.fields["size"].disabled and given.get("size", form.initial["size"]) != form.initial["size"]:
        raise ValidationError({"preprocessing": {"size": [form.fields["size"].help_text]}})
    values = {name: form.fields[name].prepare_value(value) for name, value in (form.initial | given).items()}
    form = ChangePreprocessingForm(values, classifier=classifier)
    if not form.is_valid():
        problem = Refusal(form.errors.as_data())
        raise refusal(problem, {name: f"preprocessing.{name}" for name in form.fields})
    return form.preprocessing()


def _change_preprocessing(classifier: Classifier, preprocessing: dict[str, Any]) -> None:
    """Raises Conflict while the model is not ready."""
    try:
        change_preprocessing(classifier, preprocessing)
    except Refusal as refused:
        raise Conflict(" ".join(refused.messages)) from None


def _compatibility(classifier: Classifier) -> dict[str, Any]:
    kept = {**classifier.compatibility}
    state, problem = kept.pop("state", "none"), kept.pop("problem", "")
    methods = shown_methods(classifier) if classifier.description else []
    content = {
        "state": state,
        "problem": problem,
        "layers": classifier.layers,
        "methods": [
            {"method": each.key, "works": each.reason is None, "reason": each.reason} for each in methods
        ],
        "facts": classifier.description.get("facts") or {},
        # The methods above are those of this version; the report's are of the one that made it.
        "findings": {name: value for name, value in kept.items() if name != "methods"},
    }
    return CompatibilitySerializer(content).data


def _detail(view: ApiView, classifier: Classifier) -> dict[str, Any]:
    return ClassifierDetailSerializer(classifier, context=view.get_serializer_context()).data
