"""Pictures that members bring, and what models find on images."""

from __future__ import annotations

from django.core.exceptions import ValidationError as Refusal
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.api.base import ApiView
from webapp.api.errors import refusal
from webapp.api.serializers.studio import (
    ImageRequestSerializer,
    PictureSerializer,
    PictureUploadSerializer,
    PredictionSerializer,
)
from webapp.api.throttles import AnonymousThrottle, CreateThrottle, MemberThrottle, UploadThrottle
from webapp.studio.asking import ask_for_prediction
from webapp.studio.models import Picture, Prediction
from webapp.studio.pictures import delete_picture, keep_picture


class PictureView(ApiView):
    queryset = Picture.objects.none()
    serializer_class = PictureSerializer

    def get_queryset(self) -> QuerySet[Picture]:
        return Picture.objects.visible_to(self.request.user)


class Pictures(mixins.ListModelMixin, PictureView):
    parser_classes = [MultiPartParser]
    throttle_classes = [MemberThrottle, AnonymousThrottle, UploadThrottle]

    def get(self, request: Request) -> Response:
        """One's own pictures, newest first."""
        return self.list(request)

    @extend_schema(
        operation_id="pictures_create",
        request={"multipart/form-data": PictureUploadSerializer},
        responses={201: PictureSerializer},
    )
    def post(self, request: Request) -> Response:
        """Brings a picture; one with the same pixels is found again. Nobody else sees it."""
        given = PictureUploadSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            picture = keep_picture(owner=request.user, upload=given.validated_data["file"])
        except Refusal as refused:
            raise refusal(refused) from None
        return Response(self.get_serializer(picture).data, status=201)


class PictureDetail(mixins.RetrieveModelMixin, PictureView):
    def get(self, request: Request, pk: int) -> Response:
        """One picture of one's own."""
        return self.retrieve(request)

    @extend_schema(responses={204: OpenApiResponse(description="Deleted.")})
    def delete(self, request: Request, pk: int) -> Response:
        """Deletes a picture with all that was found out about it, its maps too."""
        delete_picture(self.get_object())
        return Response(status=204)


class PredictionView(ApiView):
    queryset = Prediction.objects.none()
    serializer_class = PredictionSerializer

    def get_queryset(self) -> QuerySet[Prediction]:
        return Prediction.objects.visible_to(self.request.user).select_related("classifier").order_by("-pk")


class Predictions(mixins.ListModelMixin, PredictionView):
    throttle_classes = [MemberThrottle, AnonymousThrottle, CreateThrottle]

    def get(self, request: Request) -> Response:
        """What one asked models to find, newest first."""
        return self.list(request)

    @extend_schema(
        operation_id="predictions_create",
        request=ImageRequestSerializer,
        responses={201: PredictionSerializer},
    )
    def post(self, request: Request) -> Response:
        """Asks for the most probable classes of an image; poll its `url` until it is ready."""
        asked = ImageRequestSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        try:
            found = ask_for_prediction(
                owner=request.user, classifier=wanted["classifier"], source=wanted["source"]
            )
        except Refusal as refused:
            raise refusal(refused) from None
        return Response(self.get_serializer(found).data, status=201)


class PredictionDetail(mixins.RetrieveModelMixin, PredictionView):
    def get(self, request: Request, pk: int) -> Response:
        """The most probable classes of an image, once the state is “ready”."""
        return self.retrieve(request)
