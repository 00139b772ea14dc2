"""The broker: Celery's queues and the channel layer share one Redis-speaking server."""

from __future__ import annotations

from typing import Any

from webapp import embedded_broker
from webapp.environment import env, external_broker_url, state_dir

BROKER_URL: str = external_broker_url() or embedded_broker.url(state_dir())

QUEUE_PREFIX: str = env.str("SALISCOPE_QUEUE_PREFIX", default="saliscope")
"""Starts every key in the broker, so that several installations can share a server."""
SHARD_SECONDS: float = env.float("SALISCOPE_SHARD_SECONDS", default=45.0)
"""How long a worker should be busy with one claimed piece of a benchmark."""
MOST_UNFINISHED_BENCHMARKS: int = env.int("SALISCOPE_MOST_UNFINISHED_BENCHMARKS", default=0)
"""Queued, running and paused benchmarks that one member may have; 0: as many as they like."""
MOST_SHARDS_AT_WORK: int = env.int("SALISCOPE_MOST_SHARDS_AT_WORK", default=0)
"""Workers that may be at work for one member at once; 0: all of them."""
SHARE_WITHOUT_PRIORITY: float = env.float("SALISCOPE_SHARE_WITHOUT_PRIORITY", default=0.1)
"""Share of claims that serve members in turn whatever their benchmarks' priority, so that none starves; 0 to 1."""
BENCHMARK_QUEUE = "benchmark"
STUDIO_QUEUE = "studio"
STUDIO_TURN_SECONDS = 1800.0
"""A turn of the studio's worker that has taken longer begins with no other kind of work."""
STUDIO_HANGS_SECONDS = 24 * 3600
"""The process of a turn that takes longer is killed: it hangs, and the heartbeat would keep its leases for ever. To
look at millions of images may take hours. Benchmarks are watched by their forward passes instead."""

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": BROKER_URL,
                    "socket_connect_timeout": 3,
                    # Longer than the 5 seconds for which the layer blocks while it waits for a message.
                    "socket_timeout": 15,
                    # Sockets that open or close at the same moment have one each; the client's own limit is 100.
                    "max_connections": 2000,
                }
            ],
            "prefix": f"{QUEUE_PREFIX}:channels:",
            "capacity": 500,
            "expiry": 60,
        },
    }
}

CELERY_BROKER_URL = BROKER_URL
CELERY_BROKER_CONNECTION_TIMEOUT = 4
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{QUEUE_PREFIX}:celery:",
    # A turn may take longer: then its message is given out again, which does no harm, as messages are hints.
    "visibility_timeout": 3600,
    # Messages that a killed worker left unacknowledged are looked for every second.
    "unacked_restore_interval": 1,
    "unacked_restore_throttle": 1,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_TASK_DEFAULT_QUEUE = BENCHMARK_QUEUE
CELERY_TASK_SERIALIZER = "json"
CELERY_EVENT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_ENABLE_UTC = True
