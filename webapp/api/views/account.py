"""The account that asks, and its tokens. Names, passwords and new tokens need the account page."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins
from rest_framework.request import Request
from rest_framework.response import Response

from webapp.accounts.models import ApiToken
from webapp.accounts.services import change_account
from webapp.accounts.tokens import revoke_token
from webapp.api.base import ApiView
from webapp.api.serializers.account import MeChangeSerializer, MeSerializer, TokenSerializer


class Me(ApiView):
    serializer_class = MeSerializer

    def get(self, request: Request) -> Response:
        """The account that speaks, and the token by which it does."""
        return Response(self.get_serializer(request.user).data)

    @extend_schema(request=MeChangeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Changes e-mail, language, theme and whether single keys are shortcuts."""
        change = MeChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        change_account(request.user, **change.validated_data)
        return Response(self.get_serializer(request.user).data)


class Tokens(mixins.ListModelMixin, ApiView):
    queryset = ApiToken.objects.none()
    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.visible_to(self.request.user)

    def get(self, request: Request) -> Response:
        """One's own tokens: what is kept of them, newest first."""
        return self.list(request)


class TokenDetail(ApiView):
    queryset = ApiToken.objects.none()
    serializer_class = TokenSerializer

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.visible_to(self.request.user)

    @extend_schema(responses={204: OpenApiResponse(description="Revoked.")})
    def delete(self, request: Request, pk: int) -> Response:
        """Revokes one of one's own tokens, be it the one of this request."""
        revoke_token(self.get_object())
        return Response(status=204)
