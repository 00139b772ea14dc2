"""Theme and language of the page, for the base template."""

from __future__ import annotations

from django import template
from django.conf import settings
from django.utils.translation import get_language_info, to_locale

from webapp.accounts.appearance import LANGUAGE_NAMES, theme_of
from webapp.accounts.languages import between_sentences
from webapp.accounts.models import User

register = template.Library()


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """The theme for `<html data-theme>`: the request's, or `page_theme` where there is none (error 500)."""
    request = context.get("request")
    return theme_of(request) if request is not None else context.get("page_theme", User.Theme.SYSTEM)


@register.simple_tag
def space() -> str:
    """What stands between two sentences, or a label's colon and what follows: nothing in Chinese."""
    return between_sentences()


@register.simple_tag
def themes() -> list[tuple[str, str]]:
    return list(User.Theme.choices)


@register.simple_tag
def languages() -> list[dict[str, str]]:
    """Code, name in that language, and a name short enough for the top bar."""
    return [
        {
            "code": code,
            "name": get_language_info(code)["name_local"],
            "short": LANGUAGE_NAMES.get(code, code),
            "locale": to_locale(code).replace("_", "-"),
        }
        for code, _ in settings.LANGUAGES
    ]
