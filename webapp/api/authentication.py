"""Signing in with a token: `Authorization: Bearer sali_…`."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from webapp.accounts.models import ApiToken, User
from webapp.accounts.tokens import find_token, note_use

SCHEME = "Bearer"


class TokenAuthentication(BaseAuthentication):
    """A request without this header is left to the session; one with a bad token is refused, session or not."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _space, text = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != SCHEME.lower():
            return None
        token = find_token(text.strip())
        if token is None:
            raise AuthenticationFailed(
                _(
                    "This token is not known, was revoked, or has expired. Make a new one on your account page."
                )
            )
        note_use(token)
        return token.owner, token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
