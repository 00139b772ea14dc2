"""The member who asks, and their tokens."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from webapp.accounts.models import ApiToken, User


class TokenSerializer(serializers.ModelSerializer):
    class Meta:
        model = ApiToken
        fields = ["id", "name", "prefix", "created", "last_used", "expires"]


class MeSerializer(serializers.ModelSerializer):
    is_administrator = serializers.BooleanField(source="is_staff")
    token = serializers.SerializerMethodField(help_text="The token of this request; null within a session.")

    class Meta:
        model = User
        fields = [
            "account_number", "username", "email", "language", "theme", "keyboard_shortcuts", "is_administrator",
            "token",
        ]  # fmt: skip

    @extend_schema_field(TokenSerializer(allow_null=True))
    def get_token(self, user: User) -> dict[str, Any] | None:
        token = self.context["request"].auth
        return TokenSerializer(token).data if isinstance(token, ApiToken) else None


class MeChangeSerializer(serializers.Serializer):
    """What is left out stays as it is."""

    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)
    language = serializers.ChoiceField(required=False, choices=settings.LANGUAGES)
    theme = serializers.ChoiceField(required=False, choices=User.Theme.choices)
    keyboard_shortcuts = serializers.BooleanField(required=False)
