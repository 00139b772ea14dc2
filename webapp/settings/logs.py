"""Logs: structured, on standard error, as text for people (default) or JSON for machines (LOG_FORMAT=json).

`structlog.contextvars.bind_contextvars(benchmark=…, shard=…)` adds its values to every line of that context, also to
lines of the standard library's loggers.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

from webapp.environment import env

LOG_LEVEL: str = env.str("LOG_LEVEL", default="WARNING").upper()
_JSON: bool = env.str("LOG_FORMAT", default="console") == "json"

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_RENDERER: list[Any] = (
    [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(ensure_ascii=False)]
    if _JSON
    else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
)

structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_SHARED,
        structlog.processors.StackInfoRenderer(),
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    """Whether it is not just `/healthz` saying 503, which it does every time it is asked during a start."""
    return getattr(record, "status_code", None) != 503


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"worth_a_line": {"()": "django.utils.log.CallbackFilter", "callback": _is_worth_a_line}},
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _SHARED,
            "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_RENDERER],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Django's own set-up would write these to handlers of its own.
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # An answer 4xx is the client's business, not a warning of ours.
        "django.request": {"level": "ERROR", "filters": ["worth_a_line"]},
    },
}
