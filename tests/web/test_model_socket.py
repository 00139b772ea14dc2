"""The socket of models: a snapshot, changes, and nothing for those who may not see them."""

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
from webapp.benchmarks.announcements import announce_classifier
from webapp.library import compatibility, services
from webapp.library.classifier_changes import change_classifier
from webapp.library.models import Classifier
from webapp.library.routing import websocket_urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)


def watch(
    user: User | AnonymousUser, query: str, happen: Any = lambda: None, messages: int = 1
) -> list[dict[str, Any]]:
    """Connects, lets something happen and returns what came; {"closed": code} where the socket closes."""

    async def run() -> list[dict[str, Any]]:
        scope = {"type": "websocket", "path": "/ws/models/", "query_string": query.encode(), "user": user}
        communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
        await communicator.send_input({"type": "websocket.connect"})
        assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
        received = []
        for number in range(messages):
            if number == 1:
                await sync_to_async(happen)()
            output = await communicator.receive_output(timeout=5)
            if output["type"] == "websocket.close":
                received.append({"closed": output["code"]})
                break
            received.append(json.loads(output["text"]))
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    return async_to_sync(run)()


def test_snapshot_then_progress() -> None:
    factories.classifier(state=Classifier.State.WAITING, key="mine")
    row = services.claim_preparation()

    def happen() -> None:
        services.begin_preparation_step(row, "fetching")
        services.report_preparation_progress(row, 25, 100)
        announce_classifier(row)

    snapshot, progress = watch(factories.member(), f"classifier={row.pk}", happen, 2)
    assert snapshot["type"] == "snapshot"
    assert snapshot["classifiers"] == [
        {
            "id": row.pk, "state": "preparing", "step": "", "problem": "", "bytes_done": 0, "bytes_total": 0,
            "report": "",
        }
    ]  # fmt: skip
    assert (progress["type"], progress["step"]) == ("classifier", "fetching")
    assert (progress["bytes_done"], progress["bytes_total"]) == (25, 100)


def test_a_cancellation_is_told() -> None:
    row = factories.classifier(state=Classifier.State.WAITING, owner=factories.member())
    seen = watch(row.owner, f"classifier={row.pk}", lambda: services.cancel_preparation(row), 2)
    assert (seen[1]["type"], seen[1]["state"]) == ("classifier", "cancelled")


def test_asking_for_a_report_and_getting_it_are_told() -> None:
    row = factories.classifier()

    def happen() -> None:
        compatibility.request_report(row)
        compatibility.finish_report(compatibility.claim_report(), compatibility.ready_report({}))

    received = watch(factories.member(), f"classifier={row.pk}", happen, 4)
    # What is sent is the row as it is then; the three may show it at any later moment.
    assert received[-1]["report"] == "ready"
    assert {message["type"] for message in received[1:]} == {"classifier"}


def test_what_is_taken_back_or_deleted_is_gone() -> None:
    row = factories.classifier(owner=factories.member(), shared_with_lab=True)
    seen = watch(
        factories.member(),
        f"classifier={row.pk}",
        lambda: change_classifier(row, shared_with_lab=False),
        2,
    )
    assert seen[1] == {"type": "gone", "id": row.pk}
    assert (
        watch(row.owner, f"classifier={row.pk}", lambda: services.delete_classifier(row), 2)[1]["type"]
        == "gone"
    )


@pytest.mark.parametrize(
    "query", ["classifier={foreign}", "classifier={own}&classifier={foreign}", "", "classifier=x"]
)
def test_strangers_and_nonsense_are_closed(query: str) -> None:
    user = factories.member()
    numbers = {
        "own": factories.classifier(owner=user).pk,
        "foreign": factories.classifier(owner=factories.member()).pk,
    }
    assert watch(user, query.format(**numbers)) == [{"closed": 4404}]
    assert watch(AnonymousUser(), f"classifier={numbers['own']}") == [{"closed": 4404}]
