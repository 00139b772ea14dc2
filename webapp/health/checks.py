"""What `/healthz` looks at. Every check ends within about two seconds and tells no address, name or password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import redis
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection

from webapp.benchmarks.selectors import live_workers

TIMEOUT_SECONDS = 2.0
KINDS = ("benchmark", "studio")

log = structlog.get_logger(__name__)


def report() -> dict[str, Any]:
    """All checks by part (database, broker, channel_layer, workers), and "status": "ok" or "unavailable"."""
    parts = {
        "database": _checked("database", _database),
        "broker": _checked("broker", _broker),
        "channel_layer": _checked("channel_layer", _channel_layer),
    }
    # The workers are rows: without a database nothing is known of them.
    parts["workers"] = _checked("workers", _workers) if parts["database"]["ok"] else {"ok": False}
    well = all(part["ok"] for part in parts.values())
    return {"status": "ok" if well else "unavailable", **parts}


def _checked(name: str, check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begin = time.perf_counter()
    try:
        found = {"ok": True, **check()}
    except Exception as problem:
        # Whatever is wrong with a part is this part's answer; the particulars are for the log only.
        log.warning("health_check_failed", part=name, problem=str(problem))
        found = {"ok": False, "problem": type(problem).__name__}
    return {**found, "milliseconds": round(1000 * (time.perf_counter() - begin), 1)}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return {"engine": connection.vendor}


def _broker() -> dict[str, Any]:
    with redis.Redis.from_url(
        settings.BROKER_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    ) as client:
        client.ping()
    return {}


def _channel_layer() -> dict[str, Any]:
    async_to_sync(_round_trip)()
    return {}


async def _round_trip() -> None:
    layer = get_channel_layer()
    assert layer is not None
    async with asyncio.timeout(TIMEOUT_SECONDS):
        channel = await layer.new_channel()
        await layer.send(channel, {"type": "health.check"})
        await layer.receive(channel)


def _workers() -> dict[str, Any]:
    alive = list(live_workers())
    found: dict[str, Any] = {}
    for kind in KINDS:
        heartbeats = [worker.heartbeat_at for worker in alive if worker.kind == kind]
        found[kind] = {
            "alive": len(heartbeats),
            "last_heartbeat": max(heartbeats).isoformat() if heartbeats else None,
        }
    return {"ok": all(found[kind]["alive"] for kind in KINDS), **found}
