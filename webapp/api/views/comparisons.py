"""Results of several benchmarks compared."""

from __future__ import annotations

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request

from webapp.api.base import ApiView
from webapp.comparisons import views as pages

PARAMETERS = [
    OpenApiParameter(
        "result",
        OpenApiTypes.STR,
        many=True,
        description="One method of a benchmark: “12.0” is the first method of benchmark 12. Up to 20.",
    ),
    OpenApiParameter("benchmark", OpenApiTypes.INT, many=True, description="All methods of a benchmark."),
    OpenApiParameter(
        "experiment",
        OpenApiTypes.STR,
        description="Key of the experiment; by default what most results have.",
    ),
    OpenApiParameter(
        "reference",
        OpenApiTypes.STR,
        description="The result that the others are compared with; by default the first.",
    ),
]


class Comparison(ApiView):
    filter_backends = []
    pagination_class = None

    @extend_schema(
        parameters=PARAMETERS,
        responses=OpenApiResponse(
            OpenApiTypes.OBJECT,
            "results (with settings, figures and curves), tables (what may be compared, and in what results differ "
            "from the reference), comparison (state, and when it is ready: differences on common images with "
            "intervals and tests, ranks, images with the largest disagreement)",
        ),
    )
    def get(self, request: Request) -> HttpResponse:
        """Compares up to 20 results. Large comparisons take a while: ask again until comparison.state is “ready”.
        404 if one of the results is not there.
        """
        return pages.download(request._request, name="comparison", ending="json")


class ComparisonDifferences(ApiView):
    filter_backends = []
    pagination_class = None

    @extend_schema(parameters=PARAMETERS, responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> HttpResponse:
        """One row a figure and result: its difference to the reference, with interval, tests and effect sizes."""
        return pages.download(request._request, name="differences", ending="csv")
