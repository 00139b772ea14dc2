"""Theme and language: kept in cookies, so that the first byte of a page has them, and with the account."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from webapp.accounts.models import User

THEME_COOKIE = "theme"
COOKIE_SECONDS = 365 * 24 * 3600
LANGUAGE_NAMES = {"en": "English", "zh-hans": "中文"}


def theme_of(request: HttpRequest) -> str:
    """The theme chosen in this browser; "system" unless one was chosen."""
    chosen = request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in User.Theme.values else User.Theme.SYSTEM


def remember_theme(response: HttpResponse, theme: str) -> None:
    response.set_cookie(
        THEME_COOKIE, theme, max_age=COOKIE_SECONDS, samesite="Lax", secure=settings.SESSION_COOKIE_SECURE
    )


def remember_language(response: HttpResponse, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=COOKIE_SECONDS,
        path=settings.LANGUAGE_COOKIE_PATH,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def restore(response: HttpResponse, user: User) -> None:
    """After signing in: the theme and language kept with the account."""
    remember_theme(response, user.theme)
    if user.language in dict(settings.LANGUAGES):
        remember_language(response, user.language)
