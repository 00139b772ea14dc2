"""Reasons in templates: `{% load reasons %}`, `{{ row.problem|reason }}`."""

from __future__ import annotations

from django import template

from webapp.reasons.showing import shown_reason

register = template.Library()
register.filter("reason", shown_reason)
