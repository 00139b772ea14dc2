"""What a browser that watches a benchmark is sent. Every message states its type:

- `snapshot`: first, and after every reconnection: seq, benchmark, classifier, progress. Figures are
  fetched with the parts of the page.
- `events`: rows of the log, in order without gaps: seq of the last, events (seq, kind, payload, created), and what a
  snapshot has. What happens within a fraction of a second comes in one message.
- `progress`: in between, not kept: progress, or classifier while its weights are awaited.
- `explanation`: a map that was asked for: id, state, overlay_url, problem.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.urls import reverse

from webapp.benchmarks.models import Benchmark, BenchmarkEvent
from webapp.benchmarks.progress import progress_of
from webapp.benchmarks.selectors import missing_label
from webapp.library.models import Classifier
from webapp.reasons.showing import shown_reason
from webapp.studio.models import Explanation


def state_payload(benchmark: Benchmark) -> dict[str, Any]:
    """The state that snapshot and event have in common."""
    return {
        "benchmark": {
            "id": benchmark.pk,
            "state": benchmark.state,
            "problem": benchmark.problem,
            "unfinished": benchmark.is_unfinished,
            "in_queue": benchmark.is_in_queue,
            "missing_label": missing_label(benchmark),
        },
        "classifier": classifier_payload(benchmark.classifier),
        **progress_payload(benchmark),
    }


def classifier_payload(classifier: Classifier) -> dict[str, Any]:
    return {
        "state": classifier.state,
        "problem": classifier.problem,
        "bytes_done": classifier.bytes_done,
        "bytes_total": classifier.bytes_total,
    }


def snapshot_payload(benchmark: Benchmark) -> dict[str, Any]:
    return {"type": "snapshot", "seq": benchmark.last_event_seq, **state_payload(benchmark)}


def progress_payload(benchmark: Benchmark) -> dict[str, Any]:
    return {"progress": asdict(progress_of(benchmark))}


def event_payload(event: BenchmarkEvent) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "kind": event.kind,
        "payload": event.payload,
        "created": event.created.isoformat(),
    }


def explanation_payload(explanation: Explanation) -> dict[str, Any]:
    ready = explanation.state == Explanation.State.READY
    return {
        "type": "explanation",
        "id": explanation.pk,
        "state": explanation.state,
        "overlay_url": reverse("studio:overlay", args=[explanation.pk]) if ready else None,
        "problem": shown_reason(explanation.problem),
    }
