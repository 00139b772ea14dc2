"""Own settings of methods for a model: read, kept, reset."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refusal
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from saliency_core.enhancement.description import ENHANCEMENT_KEY
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import methods_by_family
from webapp.api.base import ApiView
from webapp.api.errors import refusal
from webapp.api.serializers.method_settings import (
    MethodSettingsRequestSerializer,
    MethodSettingsSerializer,
)
from webapp.library.models import Classifier
from webapp.library.selectors import classifiers_for
from webapp.method_settings import services
from webapp.method_settings.selectors import OwnSettings, own_settings
from webapp.method_settings.values import description_of

RESET = {204: OpenApiResponse(description="The defaults hold again.")}


class SettingsView(ApiView):
    """A view of one's own settings for a model that one may see."""

    queryset = Classifier.objects.none()
    serializer_class = MethodSettingsSerializer
    pagination_class = None
    filter_backends = []

    def get_queryset(self) -> QuerySet[Classifier]:
        return classifiers_for(self.request.user).prefetch_related(None)


class ClassifierSettings(SettingsView):
    @extend_schema(operation_id="settings_list", responses=MethodSettingsSerializer(many=True))
    def get(self, request: Request, pk: int) -> Response:
        """What every method, and the enhancement, begins with for this model, with one's own settings."""
        classifier = self.get_object()
        own = own_settings(request.user, classifier)
        keys = [*(method.key for method in methods_by_family()), ENHANCEMENT_KEY]
        return Response(self.get_serializer([_answer(own, classifier, key) for key in keys], many=True).data)

    @extend_schema(operation_id="settings_reset_all", responses=RESET)
    def delete(self, request: Request, pk: int) -> Response:
        """Resets all methods and the enhancement to their defaults."""
        services.reset_settings(owner=request.user, classifier=self.get_object())
        return Response(status=204)


class MethodSettingsDetail(SettingsView):
    @extend_schema(operation_id="settings_retrieve")
    def get(self, request: Request, pk: int, method: str) -> Response:
        """What one method begins with for this model; `enhancement` is the enhancement's own key."""
        return self._answer(self.get_object(), method)

    @extend_schema(operation_id="settings_update", request=MethodSettingsRequestSerializer)
    def put(self, request: Request, pk: int, method: str) -> Response:
        """Keeps parameters of one's own. Refused, by parameter, where they do not exist or are out of their bounds."""
        classifier = self.get_object()
        _check_known(method)
        asked = MethodSettingsRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        parameters = asked.validated_data["parameters"]
        try:
            services.save_settings(
                owner=request.user, classifier=classifier, method=method, parameters=parameters
            )
        except Refusal as refused:
            raise refusal(refused, {name: f"parameters.{name}" for name in parameters}) from None
        return self._answer(classifier, method)

    @extend_schema(operation_id="settings_reset", responses=RESET)
    def delete(self, request: Request, pk: int, method: str) -> Response:
        """Resets one method to its defaults."""
        classifier = self.get_object()
        _check_known(method)
        services.reset_settings(owner=request.user, classifier=classifier, method=method)
        return Response(status=204)

    def _answer(self, classifier: Classifier, method: str) -> Response:
        _check_known(method)
        own = own_settings(self.request.user, classifier)
        return Response(self.get_serializer(_answer(own, classifier, method)).data)


def _check_known(method: str) -> None:
    try:
        description_of(method)
    except ParameterError:
        raise Http404 from None


def _answer(own: OwnSettings, classifier: Classifier, method: str) -> dict[str, Any]:
    problems = {name or "detail": texts for name, texts in own.problems(method).items()}
    return {
        "method": method,
        "own": own.differences(method),
        "parameters": own.parameters(method),
        "problems": problems,
        "not_applicable": services.why_not_settable(classifier, method),
    }
