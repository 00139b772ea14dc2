"""API tokens: shown once, kept as a hash, revoked at once; and how requests sign in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import ROOT, Script, script_of
from webapp.accounts.models import ApiToken, User
from webapp.accounts.tokens import MOST_TOKENS, create_token, find_token

pytestmark = pytest.mark.django_db
PAGE = "/account/tokens/"


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


def test_only_the_hash_of_a_token_is_kept() -> None:
    token, text = create_token(owner=factories.member(), name="nightly")
    assert re.fullmatch(r"sali_[\w-]{43}", text)
    row = ApiToken.objects.values().get()
    assert not any(text in str(value) for value in row.values())
    assert row["prefix"] == text[:12]
    assert row["sha256"] != text and len(row["sha256"]) == 64
    assert find_token(text) == token
    assert create_token(owner=token.owner, name="other")[1] != text


def test_the_page_shows_a_new_token_once(client: Client, member: User) -> None:
    page = client.post(PAGE, {"name": "nightly", "days": "30"})
    text = re.search(r'id="new-token">([^<]+)<', page.content.decode())[1]
    assert find_token(text).owner == member
    assert "no-store" in page["Cache-Control"]
    again = client.get(PAGE).content.decode()
    assert text not in again
    assert text[:12] in again
    token = ApiToken.objects.get()
    assert abs(token.expires - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


def test_a_token_may_last_for_ever(client: Client, member: User) -> None:
    assert client.post(PAGE, {"name": "nightly", "days": ""}).status_code == 200
    assert ApiToken.objects.get().expires is None


def test_a_name_is_taken_once_and_what_was_typed_stays(client: Client, member: User) -> None:
    create_token(owner=member, name="nightly")
    create_token(owner=factories.member(), name="weekly")
    refused = client.post(PAGE, {"name": "nightly", "days": "90"})
    assert refused.status_code == 422
    assert "You have a token of this name" in refused.content.decode()
    assert 'value="nightly"' in refused.content.decode()
    assert client.post(PAGE, {"name": "weekly", "days": "90"}).status_code == 200


def test_there_is_a_most_of_tokens() -> None:
    member = factories.member()
    for number in range(MOST_TOKENS):
        create_token(owner=member, name=f"token {number}")
    with pytest.raises(ValidationError, match="50 tokens"):
        create_token(owner=member, name="one more")


def test_a_revoked_token_is_refused_at_once(client: Client, member: User) -> None:
    token, text = create_token(owner=member, name="nightly")
    script = Script(text)
    assert script.get("me").status_code == 200
    assert client.post(reverse("accounts:revoke_token", args=[token.pk])).status_code == 302
    assert script.get("me").status_code == 401


def test_nobody_revokes_another_members_token(client: Client, member: User) -> None:
    token, _ = create_token(owner=factories.member(), name="nightly")
    assert client.post(reverse("accounts:revoke_token", args=[token.pk])).status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_the_page_lists_one_s_own_tokens_and_needs_a_session(client: Client, member: User) -> None:
    create_token(owner=member, name="my own script")
    _, text = create_token(owner=factories.member(), name="somebody else")
    page = client.get(PAGE).content.decode()
    assert "my own script" in page
    assert "somebody else" not in page
    assert Client(headers={"Authorization": f"Bearer {text}"}).get(PAGE).status_code == 302


def test_a_token_of_a_closed_account_or_past_its_end_is_none() -> None:
    member = factories.member()
    _, text = create_token(owner=member, name="nightly")
    _, short = create_token(owner=member, name="short", expires=timezone.now() + timedelta(minutes=1))
    assert find_token(short) is not None
    ApiToken.objects.filter(name="short").update(expires=timezone.now() - timedelta(seconds=1))
    assert find_token(short) is None
    User.objects.filter(pk=member.pk).update(is_active=False)
    assert find_token(text) is None


def test_use_is_noted_to_the_minute() -> None:
    script = script_of(factories.member())
    assert ApiToken.objects.get().last_used is None
    script.get("me")
    first = ApiToken.objects.get().last_used
    assert first is not None
    script.get("me")
    assert ApiToken.objects.get().last_used == first
    ApiToken.objects.update(last_used=first - timedelta(minutes=2))
    script.get("me")
    assert ApiToken.objects.get().last_used >= first


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer sali_", "Bearer sali_" + "x" * 5000, "Bearer sali_å", "bearer nonsense", "Bearer a b"],
)
def test_a_bad_token_is_refused_even_within_a_session(client: Client, member: User, header: str) -> None:
    assert client.get(ROOT + "me").status_code == 200
    refused = client.get(ROOT + "me", headers={"Authorization": header})
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"] == "Bearer"
    assert "not known, was revoked, or has expired" in refused.json()["detail"][0]


def test_the_scheme_is_read_in_any_case() -> None:
    _, text = create_token(owner=factories.member(), name="nightly")
    assert Client(headers={"Authorization": f"bearer {text}"}).get(ROOT + "me").status_code == 200


def test_a_session_needs_the_csrf_token_and_a_token_does_not() -> None:
    member = factories.member()
    classifier = factories.classifier(owner=member, state="not_fetched")
    address = f"{ROOT}classifiers/{classifier.pk}/prepare"
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(member)
    refused = browser.post(address, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"][0]
    page = browser.get(PAGE).content.decode()
    csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    sent = browser.post(address, content_type="application/json", headers={"X-CSRFToken": csrf})
    assert sent.status_code == 200
    assert script_of(member).post(f"classifiers/{classifier.pk}/prepare").status_code == 200


def test_me_tells_who_speaks_and_by_which_token() -> None:
    member = factories.member(username="Ada")
    by_token = script_of(member).get("me").json()
    assert by_token["username"] == "Ada"
    assert by_token["account_number"] == member.account_number
    assert by_token["is_administrator"] is False
    assert by_token["token"]["name"] == "script of Ada"
    browser = Client()
    browser.force_login(member)
    assert browser.get(ROOT + "me").json()["token"] is None
