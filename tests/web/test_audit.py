"""The audit log: what is noted, what never is, who reads it; and the limits on failed sign-ins."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import administrator
from webapp.accounts.models import User
from webapp.accounts.services import sign_up
from webapp.accounts.tokens import create_token
from webapp.audit.models import AuditEvent
from webapp.audit.recording import purge_old_events, record
from webapp.benchmarks.models import WorkerNode
from webapp.benchmarks.worker_services import set_mode

pytestmark = pytest.mark.django_db

PASSWORD = "a long pass phrase"
WRONG = "a wrong pass phrase"
Kind = AuditEvent.Kind


def noted(*kinds: str) -> list[tuple[str, str, str | None, str]]:
    """(kind, who, from where, about), oldest first."""
    rows = AuditEvent.objects.filter(kind__in=kinds) if kinds else AuditEvent.objects.all()
    return [(row.kind, row.actor_name, row.address, row.subject) for row in rows.order_by("pk")]


def try_to_sign_in(client: Client, name: str, password: str = WRONG, address: str = "10.0.0.1"):
    return client.post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=address)


def test_sign_ins_are_noted_with_who_and_from_where(client: Client) -> None:
    user = sign_up(username="ada", password=PASSWORD)
    try_to_sign_in(client, "ada")
    try_to_sign_in(client, str(user.account_number), PASSWORD)
    client.post("/sign-out/", REMOTE_ADDR="10.0.0.1")
    about = f"user #{user.pk} ada"
    assert noted() == [
        ("signed_up", "ada", None, about),
        ("sign_in_failed", "", "10.0.0.1", about),
        ("signed_in", "ada", "10.0.0.1", ""),
        ("signed_out", "ada", "10.0.0.1", ""),
    ]


def test_nothing_secret_is_kept(client: Client) -> None:
    """Not even a password that was typed as the name."""
    user = sign_up(username="ada", password=PASSWORD)
    try_to_sign_in(client, PASSWORD, "x")
    client.force_login(user)
    new = "another long pass phrase"
    client.post(
        "/account/",
        {"save": "password", "old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )
    _token, text = create_token(owner=user, name="night run")
    rows = str(list(AuditEvent.objects.values()))
    assert noted("sign_in_failed") == [("sign_in_failed", "", "10.0.0.1", "an unknown name")]
    assert noted("password_changed") == [("password_changed", "ada", "127.0.0.1", f"user #{user.pk} ada")]
    assert [text for text in (PASSWORD, new, WRONG, text, user.password) if text in rows] == []


def test_what_members_do_is_noted(client: Client, django_capture_on_commit_callbacks) -> None:
    owner, friend = factories.member(username="ada"), factories.member(username="bob")
    benchmark = factories.queued_benchmark(owner)
    client.force_login(owner)
    address = f"/benchmarks/{benchmark.pk}"
    AuditEvent.objects.all().delete()
    with django_capture_on_commit_callbacks():
        client.post("/account/tokens/", {"name": "night run", "days": "30"})
        client.post(f"/account/tokens/{owner.api_tokens.get().pk}/revoke/")
        client.post(f"{address}/share/", {"member": "bob"})
        client.post(f"{address}/share/{friend.pk}/withdraw/")
        client.post(f"{address}/delete/")
        client.post("/account/backup/")
        client.post("/account/sign-out-everywhere/")
    kinds = [row[0] for row in noted()]
    assert {row[1:3] for row in noted()} == {("ada", "127.0.0.1")}
    assert kinds == [
        "token_created",
        "token_revoked",
        "shared",
        "share_withdrawn",
        "deleted",
        "backup_asked_for",
        "signed_out_everywhere",
    ]
    assert noted("deleted")[0][3] == f"benchmark #{benchmark.pk} {benchmark.name}".strip()
    assert AuditEvent.objects.get(kind="shared").details == {"with_whom": "bob"}


def test_what_no_request_asked_for_has_no_address() -> None:
    worker = factories.node()
    set_mode(worker=worker, mode=WorkerNode.Mode.PAUSED)
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor, event.address) == ("worker_mode", None, None)
    assert event.details == {"mode": "paused"}


def test_events_outlive_the_account_and_the_thing() -> None:
    user = factories.member(username="ada")
    record(Kind.DELETED, "benchmark #1", actor=user)
    user.delete()
    assert noted("deleted") == [("deleted", "ada", None, "benchmark #1")]


def test_old_events_go(settings) -> None:
    settings.AUDIT_KEPT_DAYS = 30
    old, young = record(Kind.SIGNED_IN), record(Kind.SIGNED_OUT)
    AuditEvent.objects.filter(pk=old.pk).update(created=timezone.now() - timedelta(days=31))
    AuditEvent.objects.filter(pk=young.pk).update(created=timezone.now() - timedelta(days=29))
    purge_old_events()
    assert [row.pk for row in AuditEvent.objects.all()] == [young.pk]


@pytest.mark.parametrize(("is_staff", "status"), [(False, 403), (True, 200)])
def test_only_administrators_read_it(client: Client, is_staff: bool, status: int) -> None:
    client.force_login(administrator() if is_staff else factories.member())
    assert client.get("/admin/audit/auditevent/").status_code == (200 if is_staff else 302)
    answer = client.get("/api/v1/audit?kind=signed_in")
    assert answer.status_code == status
    if is_staff:
        assert [row["kind"] for row in answer.json()["results"]] == ["signed_in"]
        event = AuditEvent.objects.get(kind="signed_in")
        assert client.post(f"/admin/audit/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403


def test_anonymous_people_do_not_read_it(client: Client) -> None:
    assert client.get("/api/v1/audit").status_code == 401
    assert client.get("/admin/audit/auditevent/").status_code == 302


def test_changes_in_the_admin_are_noted(client: Client) -> None:
    admin = administrator()
    user = factories.member(username="ada")
    client.force_login(admin)
    new = "another long pass phrase"
    client.post(
        f"/admin/accounts/user/{user.pk}/password/",
        {"password1": new, "password2": new, "usable_password": "true"},
    )
    client.post(f"/admin/accounts/user/{user.pk}/delete/", {"post": "yes"})
    about = f"user #{user.pk} ada"
    assert noted("account_changed", "deleted") == [
        ("account_changed", admin.username, "127.0.0.1", about),
        ("deleted", admin.username, "127.0.0.1", about),
    ]
    assert AuditEvent.objects.get(kind="account_changed").details == {"changed": ["password"]}


def test_every_spelling_of_an_account_counts_together(client: Client, settings) -> None:
    """Ten attempts in all from one address, not ten for each way of writing the name."""
    settings.AXES_ENABLED = True
    user = sign_up(username="ada", password=PASSWORD)
    spellings = ["ada", "Ada", "aDa", "ADA", str(user.account_number)]
    answers = [try_to_sign_in(client, spellings[number % 5]).status_code for number in range(10)]
    assert answers == [*(200,) * 9, 429]
    assert try_to_sign_in(client, "AdA", PASSWORD).status_code == 429
    assert [row[3] for row in noted("sign_in_closed")][:1] == [f"user #{user.pk} ada"]
    # From elsewhere she still comes in.
    assert try_to_sign_in(Client(), "ada", PASSWORD, "10.0.0.2").status_code == 302


def test_many_addresses_together_close_an_account(client: Client, settings) -> None:
    settings.AXES_ENABLED = True
    settings.SIGN_IN_FAILURES_OF_AN_ACCOUNT = 12
    sign_up(username="ada", password=PASSWORD)
    sign_up(username="bob", password=PASSWORD)
    for number in range(12):
        try_to_sign_in(client, "ada", address=f"10.0.1.{number // 4}")
    closed = try_to_sign_in(Client(), "ADA", PASSWORD, "10.0.9.9")
    assert closed.status_code == 200
    assert "too many failed attempts on this account" in closed.content.decode()
    assert try_to_sign_in(Client(), "bob", PASSWORD, "10.0.9.9").status_code == 302
    assert User.objects.get(username="ada").last_login is None
