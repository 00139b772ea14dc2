"""What can be taken away from a benchmark. The files are those of the pages, made by the pages' own views: whoever
speaks is known to both.
"""

from __future__ import annotations

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.errors import Conflict
from webapp.api.results import results_json
from webapp.api.serializers.archives import ArchiveSerializer
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle
from webapp.api.views.benchmarks import BenchmarkView
from webapp.benchmarks.archives import archive_jobs, archive_of, ready_archive, request_archive
from webapp.benchmarks.exports import TABLES
from webapp.benchmarks.views import downloads
from webapp.jobs.services import delete_job

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
    """The ZIP with everything, which a job makes: POST, ask until it is ready, then fetch `everything.zip`."""

    serializer_class = ArchiveSerializer
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get(self, request: Request, pk: int) -> Response:
        """How far one's archive of the benchmark is; 404 if none was asked for, or it was removed after its days."""
        found = archive_of(request.user, self.get_object())
        if found is None:
            raise NotFound
        return Response(ArchiveSerializer(found).data)

    @extend_schema(request=None, responses={202: ArchiveSerializer})
    def post(self, request: Request, pk: int) -> Response:
        """Has everything packed; the archive that is being made, or has all there is now, if there is one."""
        benchmark = self.get_object()
        request_archive(owner=request.user, benchmark=benchmark)
        return Response(ArchiveSerializer(archive_of(request.user, benchmark)).data, status=202)

    def delete(self, request: Request, pk: int) -> Response:
        """Removes one's archive of the benchmark; one that is being made is stopped."""
        for job in archive_jobs(request.user, self.get_object()):
            delete_job(job)
        return Response(status=204)


class ArchiveFile(BenchmarkView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> StreamingHttpResponse:
        """The ZIP with everything, plots included, once it is ready; 409 before."""
        benchmark = self.get_object()
        job = ready_archive(request.user, benchmark)
        if job is None:
            raise Conflict(
                f"It is not made yet: POST to benchmarks/{benchmark.pk}/archive, and GET that until it is ready."
            )
        return downloads.archive_response(request._request, benchmark, job)
