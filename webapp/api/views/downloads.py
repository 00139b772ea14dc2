"""What can be taken away from a benchmark. The files are those of the pages, made by the pages' own views: whoever
speaks is known to both.
"""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.errors import Conflict
from webapp.api.results import results_json
from webapp.api.views.benchmarks import BenchmarkView
from webapp.benchmarks.exports import TABLES, ArchiveFailed
from webapp.benchmarks.views import downloads

PLACES = [
    OpenApiParameter("method", OpenApiTypes.INT, description="Its place in the benchmark's list, from 0."),
    OpenApiParameter(
        "experiment", OpenApiTypes.INT, description="Its place in the benchmark's list, from 0."
    ),
]


class ImagesCsv(BenchmarkView):
    @extend_schema(parameters=PLACES, responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """One row an image of one method under one experiment, those that failed included."""
        benchmark = self.get_object()
        for name in ("method", "experiment"):
            count = len(benchmark.specification[f"{name}s"])
            if request.query_params.get(name, "0") not in map(str, range(count)):
                raise ValidationError({name: [f"Give a number from 0 to {count - 1}."]})
        return downloads.images_csv(request._request, pk=benchmark.pk)


class Table(BenchmarkView):
    @extend_schema(
        parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH, enum=list(TABLES))],
        responses={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, pk: int, name: str) -> HttpResponse:
        """All methods under all experiments: the summary with its intervals, by class, by bin, or the mean curves."""
        return downloads.table(request._request, pk=self.get_object().pk, name=name)


class Latex(BenchmarkView):
    @extend_schema(responses={(200, "application/x-tex"): OpenApiTypes.STR})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """A LaTeX table of methods and figures for every experiment."""
        return downloads.latex(request._request, pk=self.get_object().pk)


class Report(BenchmarkView):
    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR})
    def get(self, request: Request, pk: int) -> HttpResponse:
        """Provenance and figures as plain text."""
        return downloads.report(request._request, pk=self.get_object().pk)


class Results(BenchmarkView):
    @extend_schema(
        responses=OpenApiResponse(
            OpenApiTypes.OBJECT,
            "specification, environments, results (figures, curves, bins, classes), comparisons",
        )
    )
    def get(self, request: Request, pk: int) -> Response:
        """Everything that was found but the single images, as one JSON document."""
        document = results_json(self.get_object(), to_administrator=request.user.is_staff)
        headers = {"Content-Disposition": f'attachment; filename="benchmark-{pk}.json"'}
        return Response(document, headers=headers)


class Document(BenchmarkView):
    @extend_schema(responses=OpenApiResponse(OpenApiTypes.OBJECT, "saliscope-results/1"))
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The document from which saliency_core reads results back, with every image unless there are very many."""
        return downloads.json_document(request._request, pk=self.get_object().pk)


class Archive(BenchmarkView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """Everything in one ZIP, plots included."""
        try:
            return downloads.archive_response(request._request, self.get_object())
        except ArchiveFailed as problem:
            raise Conflict(str(problem)) from None
