"""What is measured. Labels are states, kinds and names of addresses: nothing that names a member or their work."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from webapp.metrics.rows import RowsCollector

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

REQUEST_SECONDS = Histogram(
    "saliscope_web_request_seconds",
    "Time until an answer begins, by the address's name and the status.",
    ["method", "address", "status"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 10.0),
    registry=REGISTRY,
)
SOCKETS = Gauge("saliscope_web_sockets", "Sockets of signed-in members that are open.", registry=REGISTRY)
SHARDS_ENDED = Counter(
    "saliscope_shard_claims",
    "Claims of shards that have ended, by how: done, retried, set_aside. Counted from the start of this process.",
    ["outcome"],
    registry=None,
)
SHARD_SECONDS = Histogram(
    "saliscope_shard_seconds",
    "Time from the claim of a shard to its delivery.",
    buckets=(1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 300, 600, 1800),
    registry=None,
)
# In this order: the rows are read first, and what they add to the other two is told at once.
for _collector in (RowsCollector(SHARDS_ENDED, SHARD_SECONDS), SHARDS_ENDED, SHARD_SECONDS):
    REGISTRY.register(_collector)
