"""How often a member, an address, and what costs much may ask; the rates are in the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

if TYPE_CHECKING:
    # rest_framework.views reads the settings, which name this module.
    from rest_framework.views import APIView


class _Throttle(SimpleRateThrottle):
    """Counts requests of one member, or of one address where nobody is signed in, under the name `scope`."""

    @property
    def cache(self) -> BaseCache:
        return caches["throttles"]

    def get_rate(self) -> str:
        return settings.API_THROTTLE_RATES[self.scope]

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return self.cache_format % {"scope": self.scope, "ident": request.user.pk}


class MemberThrottle(_Throttle):
    scope = "member"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class AnonymousThrottle(_Throttle):
    scope = "anonymous"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if request.user.is_authenticated:
            return None
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class _UnsafeThrottle(MemberThrottle):
    """Counts only requests that change something."""

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        return None if request.method in ("GET", "HEAD", "OPTIONS") else super().get_cache_key(request, view)


class CreateThrottle(_UnsafeThrottle):
    scope = "create"


class UploadThrottle(_UnsafeThrottle):
    scope = "upload"
