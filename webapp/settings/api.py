"""The REST API: who may ask, how often, how errors and the description look."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from webapp.environment import env

API_THROTTLE_RATES: dict[str, str] = {
    # Everything a member asks for, by any token or browser.
    "member": env.str("SALISCOPE_API_RATE", default="600/minute"),
    # Requests without a valid token, by address: each is refused, and guessing gets slow.
    "anonymous": env.str("SALISCOPE_API_RATE_ANONYMOUS", default="60/minute"),
    # What makes work for the workers: benchmarks queued or resumed, maps asked for.
    "create": env.str("SALISCOPE_API_RATE_CREATE", default="120/hour"),
    "upload": env.str("SALISCOPE_API_RATE_UPLOAD", default="30/hour"),
}
"""Requests a second, minute, hour or day. They are counted by each web process for itself."""
API_LONGEST_JSON = 1024**2
"""Longer bodies of JSON are refused; files come as multipart/form-data."""

CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # Apart from the cache of results, so that neither pushes the other out.
    "throttles": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "throttles",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    },
}

REST_FRAMEWORK: dict[str, Any] = {
    # The first one says how to sign in when nobody has: with a token.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "webapp.api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_THROTTLE_CLASSES": [
        "webapp.api.throttles.MemberThrottle",
        "webapp.api.throttles.AnonymousThrottle",
    ],
    # Addresses are those that the server gives: it reads X-Forwarded-For only where a trusted proxy wrote it
    # (FORWARDED_ALLOW_IPS). Left to itself the framework believes the header of whoever sends one.
    "NUM_PROXIES": 0,
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "webapp.api.negotiation.AlwaysJson",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["webapp.api.parsers.LimitedJsonParser"],
    "DEFAULT_PAGINATION_CLASS": "webapp.api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "EXCEPTION_HANDLER": "webapp.api.errors.answer_for",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Saliscope",
    "DESCRIPTION": _(
        "Everything a script would want: models, data sets, methods, experiments, benchmarks and their results. "
        "Sign in with a token from your account page: `Authorization: Bearer sali_…`. "
        "Errors are objects whose keys are `detail` or the path of a field (`methods.0.parameters.layer`) and whose "
        "values are lists of sentences. What is not yours is not found (404)."
    ),
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SORT_OPERATIONS": False,
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENUM_NAME_OVERRIDES": {
        "BenchmarkState": "webapp.benchmarks.models.Benchmark.State",
        "ClassifierState": "webapp.library.models.Classifier.State",
        "DatasetState": "webapp.library.models.Dataset.State",
        "ExplanationState": "webapp.studio.models.Explanation.State",
        "JobState": "webapp.jobs.models.Job.State",
        "ClassifierStep": "webapp.library.models.Classifier.Step",
        "DatasetStep": "webapp.library.models.Dataset.Step",
    },
}
