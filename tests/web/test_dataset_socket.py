"""The socket of data sets that are waited for: their state, progress, and nothing for strangers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser

from tests.web import factories
from webapp.accounts.models import User
from webapp.library import dataset_services as services
from webapp.library.dataset_events import announce_dataset
from webapp.library.models import Dataset
from webapp.library.routing import websocket_urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)


def watch(user: User | AnonymousUser, query: str, happen: Any, messages: int) -> list[dict[str, Any]]:
    """Connects, lets something happen, and returns the first messages; the close is one too."""

    async def run() -> list[dict[str, Any]]:
        scope = {"type": "websocket", "path": "/ws/data-sets/", "query_string": query.encode(), "user": user}
        communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
        await communicator.send_input({"type": "websocket.connect"})
        assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
        received = []
        for number in range(messages):
            output = await communicator.receive_output(timeout=5)
            received.append(json.loads(output["text"]) if "text" in output else output)
            if number == 0:
                await sync_to_async(happen)()
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def test_snapshot_progress_and_changes() -> None:
    factories.dataset(owner=factories.member(), state="waiting")
    row = services.claim_dataset()
    state = {"id": row.pk, "state": "preparing", "step": "", "done": 0, "total": 0, "problem": ""}
    read = {**state, "step": "images", "done": 3, "total": 10}

    def read_some() -> None:
        services.report_dataset_progress(row, "images", 3, 10)
        announce_dataset(row)

    seen = watch(row.owner, f"dataset={row.pk}", read_some, 2)
    assert seen == [{"type": "snapshot", "rows": [state]}, {"type": "dataset", **read}]
    seen = watch(row.owner, f"dataset={row.pk}", lambda: services.cancel_dataset(row), 2)
    assert seen[1] == {"type": "dataset", **state, "state": "cancelled"}


def test_strangers_are_told_nothing() -> None:
    row = factories.dataset(owner=factories.member(), state="preparing")
    lab = factories.dataset()
    closed = [{"type": "websocket.close", "code": 4404}]
    for user in (factories.member(), AnonymousUser()):
        for query in (f"dataset={row.pk}", f"dataset={lab.pk}&dataset={row.pk}", "dataset=none", ""):
            answer = watch(user, query, lambda: None, 1)
            assert [{key: each[key] for key in ("type", "code")} for each in answer] == closed
    Dataset.objects.filter(pk=row.pk).update(shared_with_lab=True)
    assert watch(factories.member(), f"dataset={row.pk}", lambda: None, 1)[0]["type"] == "snapshot"
