"""Methods, the enhancement and experiments: what saliency_core describes."""

from __future__ import annotations

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.experiments.base import experiment_descriptions
from saliency_core.methods.registry import methods_by_family
from webapp.api.base import ApiView
from webapp.api.descriptions import enhancement_json, experiment_json, method_json
from webapp.api.serializers.descriptions import (
    EnhancementSerializer,
    ExperimentSerializer,
    MethodSerializer,
)


class Methods(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = MethodSerializer

    @extend_schema(operation_id="methods_list", responses=MethodSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All methods with their parameters, presets and cost, by family."""
        return Response([method_json(method) for method in methods_by_family()])


class Method(ApiView):
    serializer_class = MethodSerializer

    @extend_schema(operation_id="methods_retrieve")
    def get(self, request: Request, key: str) -> Response:
        """One method."""
        found = next((method for method in methods_by_family() if method.key == key), None)
        if found is None:
            raise Http404
        return Response(method_json(found))


class Enhancement(ApiView):
    serializer_class = EnhancementSerializer

    def get(self, request: Request) -> Response:
        """The sliding-window enhancement, which can be put around any method, with its parameters."""
        return Response(enhancement_json())


class Experiments(ApiView):
    pagination_class = None
    filter_backends = []
    serializer_class = ExperimentSerializer

    @extend_schema(operation_id="experiments_list", responses=ExperimentSerializer(many=True))
    def get(self, request: Request) -> Response:
        """All experiments with their protocols in full and the figures that they end with."""
        return Response([experiment_json(experiment) for experiment in experiment_descriptions()])


class Experiment(ApiView):
    serializer_class = ExperimentSerializer

    @extend_schema(operation_id="experiments_retrieve")
    def get(self, request: Request, key: str) -> Response:
        """One experiment."""
        found = next((each for each in experiment_descriptions() if each.key == key), None)
        if found is None:
            raise Http404
        return Response(experiment_json(found))
