"""Maps: of a benchmark's images, and their files."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import mixins
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.filters import ExplanationFilter
from webapp.api.serializers.studio import ExplanationRequestSerializer, ExplanationSerializer
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import benchmarks_for, results_of
from webapp.benchmarks.sharing import may_see_images
from webapp.studio.models import Explanation
from webapp.studio.services import explain_benchmark_images, explanation_folder


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
        """Asks for the maps that the benchmark measured, drawn again; poll each at its `url` until it is ready."""
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
        )
        return Response(self.get_serializer([found[image] for image in images], many=True).data)


class ExplanationView(ApiView):
    queryset = Explanation.objects.none()
    serializer_class = ExplanationSerializer

    def get_queryset(self) -> QuerySet[Explanation]:
        return Explanation.objects.visible_to(self.request.user).order_by("-pk")


class Explanations(mixins.ListModelMixin, ExplanationView):
    filterset_class = ExplanationFilter

    def get(self, request: Request) -> Response:
        """The maps one asked for, newest first."""
        return self.list(request)


class ExplanationDetail(mixins.RetrieveModelMixin, ExplanationView):
    def get(self, request: Request, pk: int) -> Response:
        """One map: whether it is ready, and where its files are."""
        return self.retrieve(request)


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
