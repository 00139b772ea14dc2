"""Maps: of a benchmark's images, and their files."""

from __future__ import annotations

from django.core.exceptions import ValidationError as Refusal
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.errors import ParameterError
from webapp.api.base import ApiView
from webapp.api.errors import refusal
from webapp.api.filters import ExplanationFilter
from webapp.api.serializers.studio import (
    ExplanationRequestSerializer,
    ExplanationSerializer,
    MapsRequestSerializer,
    PinSerializer,
)
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for, results_of
from webapp.benchmarks.sharing import may_see_images
from webapp.studio import kept
from webapp.studio.asking import ask_for_maps
from webapp.studio.models import Explanation
from webapp.studio.services import explain_benchmark_images, explanation_folder
from webapp.studio.sheets import curves_table
from webapp.studio.tiles import tile_of


class BenchmarkExplanations(ApiView):
    queryset = Benchmark.objects.none()
    serializer_class = ExplanationSerializer
    pagination_class = None
    filter_backends = []
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get_queryset(self) -> QuerySet[Benchmark]:
        return benchmarks_for(self.request.user)

    @extend_schema(
        operation_id="benchmarks_explanations_create",
        request=ExplanationRequestSerializer,
        responses=ExplanationSerializer(many=True),
    )
    def post(self, request: Request, pk: int) -> Response:
        """Asks for the maps that the benchmark measured, drawn again; poll each at its `url` until it is ready. Images
        that are not among the answers find no room for now, as too many of your maps wait or are pinned: ask again.
        """
        benchmark = self.get_object()
        if not may_see_images(request.user, benchmark):
            raise NotFound
        asked = ExplanationRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        images = list(dict.fromkeys(asked.validated_data["images"]))
        method, experiment = asked.validated_data["method"], asked.validated_data["experiment"]
        columns = results_of(benchmark, method_index=method, experiment_index=experiment, with_curves=False)
        # Of several classes explained in one image, the first one's map.
        targets: dict[str, int] = {}
        for image, target in zip(columns.images, columns.scalars.get("target", ()), strict=False):
            targets.setdefault(image, int(target))
        unknown = [image for image in images if image not in targets]
        if unknown:
            raise ValidationError({"images": [f"“{image}” has not been measured." for image in unknown]})
        found = explain_benchmark_images(
            owner=request.user,
            benchmark=benchmark,
            images=[(image, targets[image]) for image in images],
            method_index=method,
            experiment_index=experiment,
        )
        return Response(self.get_serializer(list(found.values()), many=True).data)


class ExplanationView(ApiView):
    queryset = Explanation.objects.none()
    serializer_class = ExplanationSerializer

    def get_queryset(self) -> QuerySet[Explanation]:
        return Explanation.objects.visible_to(self.request.user).select_related("classifier").order_by("-pk")


class Explanations(mixins.ListModelMixin, ExplanationView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]
    filterset_class = ExplanationFilter

    def get(self, request: Request) -> Response:
        """The maps one asked for, newest first."""
        return self.list(request)

    @extend_schema(
        operation_id="explanations_create",
        request=MapsRequestSerializer,
        responses={201: ExplanationSerializer(many=True)},
    )
    def post(self, request: Request) -> Response:
        """Asks for maps of one image and one class, one for each method; poll each at its `url`. What is there already
        is not drawn again; what failed is.
        """
        asked = MapsRequestSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        try:
            methods = [
                specified_method(each["key"], each["parameters"], each["enhancement"])
                for each in wanted["methods"]
            ]
            rows = ask_for_maps(
                owner=request.user,
                classifier=wanted["classifier"],
                source=wanted["source"],
                target=wanted["target"],
                methods=methods,
            )
        except (Refusal, ParameterError) as refused:
            raise refusal(refused if isinstance(refused, Refusal) else Refusal(str(refused))) from None
        return Response(self.get_serializer(rows, many=True).data, status=201)


class ExplanationDetail(mixins.RetrieveModelMixin, ExplanationView):
    def get(self, request: Request, pk: int) -> Response:
        """One map: whether it is ready, and where its files are."""
        return self.retrieve(request)

    @extend_schema(
        operation_id="explanations_partial_update",
        request=PinSerializer,
        responses=ExplanationSerializer,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Pins a map, so that it is not removed when there are too many, or unpins it."""
        row = self.get_object()
        given = PinSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kept.pin(self.get_queryset().filter(pk=row.pk), pinned=given.validated_data["pinned"])
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes a map; one that is not drawn yet is cancelled by it."""
        kept.delete_maps([self.get_object()])
        return Response(status=204)


class CancelExplanation(ExplanationView):
    @extend_schema(
        request=None, responses={204: OpenApiResponse(description="It is not waited for any more.")}
    )
    def post(self, request: Request, pk: int) -> Response:
        """Gives up a map that is not drawn yet, which is then gone, or curves that are not measured yet."""
        kept.cancel(self.get_queryset().filter(pk=self.get_object().pk))
        return Response(status=204)


class RetryExplanation(ExplanationView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    @extend_schema(request=None, responses=ExplanationSerializer)
    def post(self, request: Request, pk: int) -> Response:
        """Has a map or curves that failed tried again; nothing happens to others."""
        kept.retry(self.get_queryset().filter(pk=self.get_object().pk))
        return Response(self.get_serializer(self.get_object()).data)


class CurvesCsv(ExplanationView):
    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """Insertion and deletion of this image by this map, a row a step; only the head until they are measured."""
        content = curves_table([tile_of(self.get_object())])
        headers = {"Content-Disposition": f'attachment; filename="curves-{pk}.csv"'}
        return HttpResponse(content, content_type="text/csv; charset=utf-8", headers=headers)


class _ExplanationFile(ExplanationView):
    name: str
    content_type: str

    def get_queryset(self) -> QuerySet[Explanation]:
        return super().get_queryset().filter(state=Explanation.State.READY)

    def file(self) -> HttpResponse:
        explanation = self.get_object()
        path = explanation_folder(explanation) / self.name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise Http404 from None
        headers = {"Content-Disposition": f'attachment; filename="map-{explanation.pk}{path.suffix}"'}
        return HttpResponse(content, content_type=self.content_type, headers=headers)


class Overlay(_ExplanationFile):
    name, content_type = "overlay.webp", "image/webp"

    @extend_schema(responses={(200, "image/webp"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The image with the map laid over it; not found until the map is ready."""
        return self.file()


class RawMap(_ExplanationFile):
    name, content_type = "map.npy", "application/octet-stream"

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The raw map as NumPy writes it, float32 H × W; not found until the map is ready."""
        return self.file()
