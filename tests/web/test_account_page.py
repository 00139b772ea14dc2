"""One's own account: name and e-mail, password, sessions, and the same by the API."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.web import factories
from tests.web.api_calls import script_of
from webapp.accounts.models import ApiToken, User
from webapp.accounts.services import change_account, sign_out_everywhere
from webapp.accounts.tokens import create_token

pytestmark = pytest.mark.django_db
PAGE = "/account/"
NEW = "another long phrase"


def signed_in(user: User) -> Client:
    """A browser in which somebody has signed in with the password."""
    client = Client()
    assert (
        client.post("/sign-in/", {"username": user.username, "password": factories.PASSWORD}).status_code
        == 302
    )
    return client


def is_signed_in(client: Client) -> bool:
    return client.get(PAGE).status_code == 200


def change(client: Client, **fields: str) -> object:
    return client.post(PAGE, {"save": "account", "username": "Ada", "email": "", **fields})


def test_name_email_and_keys_are_changed() -> None:
    ada = factories.member(username="Ada")
    client = signed_in(ada)
    assert change(client, username="Ada.L", email="ada@example.org").status_code == 302
    ada.refresh_from_db()
    assert (ada.username, ada.email, ada.keyboard_shortcuts) == ("Ada.L", "ada@example.org", False)
    assert change(client, username="Ada.L", keyboard_shortcuts="on").status_code == 302
    ada.refresh_from_db()
    assert (ada.email, ada.keyboard_shortcuts) == ("", True)
    assert is_signed_in(client)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"username": "12345"}, "not a digit"),
        ({"username": "bOb"}, "already exists"),
        ({"username": "with space"}, "valid username"),
        ({"username": ""}, "required"),
        ({"email": "nowhere"}, "valid email"),
    ],
)
def test_the_rules_of_signing_up_hold_and_what_was_typed_stays(fields: dict[str, str], problem: str) -> None:
    factories.member(username="Bob")
    ada = factories.member(username="Ada", language="en")
    answer = change(signed_in(ada), **fields)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert problem in page
    for typed in filter(None, fields.values()):
        assert f'value="{typed}"' in page
    # The name in the top bar is still the one that holds.
    assert '<span class="name">Ada</span>' in page
    ada.refresh_from_db()
    assert (ada.username, ada.email) == ("Ada", "")


def test_ones_own_name_may_change_its_case() -> None:
    ada = factories.member(username="ada")
    assert change(signed_in(ada), username="ADA").status_code == 302


def test_a_new_password_ends_other_sessions_and_keeps_this_one() -> None:
    ada = factories.member(username="Ada")
    here, elsewhere = signed_in(ada), signed_in(ada)
    form = {
        "save": "password", "old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW,
    }  # fmt: skip
    assert here.post(PAGE, form).status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)
    ada.refresh_from_db()
    assert ada.check_password(NEW)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"old_password": "wrong"}, "old password was entered incorrectly"),
        ({"new_password2": "something else"}, "didn’t match"),
        ({"new_password1": "short", "new_password2": "short"}, "at least 10 characters"),
        ({"new_password1": "ada-lovelace-1", "new_password2": "ada-lovelace-1"}, "too similar"),
    ],
)
def test_passwords_are_checked(fields: dict[str, str], problem: str) -> None:
    ada = factories.member(username="ada-lovelace")
    client = signed_in(ada)
    form = {"old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW, **fields}
    answer = client.post(PAGE, {"save": "password", **form})
    assert answer.status_code == 422
    assert problem in answer.content.decode()
    assert NEW not in answer.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(factories.PASSWORD)


def test_messages_about_passwords_are_chinese_too() -> None:
    client = signed_in(factories.member())
    client.cookies["django_language"] = "zh-hans"
    form = {"save": "password", "old_password": "wrong", "new_password1": "1", "new_password2": "1"}
    page = client.post(PAGE, form).content.decode()
    assert "旧密码" in page
    assert "密码" in page and "at least" not in page


def test_every_password_field_can_be_shown() -> None:
    page = signed_in(factories.member()).get(PAGE).content.decode()
    assert page.count('type="password"') == page.count("data-reveal=") == 3


def test_signing_out_everywhere_else_ends_all_other_sessions() -> None:
    ada = factories.member(username="Ada")
    create_token(owner=ada, name="nightly")
    here, elsewhere, third = signed_in(ada), signed_in(ada), signed_in(ada)
    other = signed_in(factories.member())
    assert here.post("/account/sign-out-everywhere/").status_code == 302
    assert "Everywhere else you are signed out." in here.get(PAGE).content.decode()
    assert [is_signed_in(client) for client in (here, elsewhere, third, other)] == [True, False, False, True]
    assert ApiToken.objects.count() == 1
    # A second time, and with the tokens.
    again = signed_in(ada)
    page = here.post("/account/sign-out-everywhere/", {"revoke_tokens": "yes"}, follow=True).content.decode()
    assert "1 API token is revoked." in page
    assert [is_signed_in(client) for client in (here, again)] == [True, False]
    assert ApiToken.objects.count() == 0


def test_sessions_from_before_there_was_a_session_key_go_on() -> None:
    ada = factories.member()
    assert ada.session_key == ""
    before = ada.get_session_auth_hash()
    assert User.objects.get(pk=ada.pk).get_session_auth_hash() == before
    sign_out_everywhere(ada)
    assert ada.get_session_auth_hash() != before


@pytest.mark.parametrize("address", ["/account/", "/account/sign-out-everywhere/"])
def test_strangers_are_sent_to_sign_in(client: Client, address: str) -> None:
    assert client.post(address)["Location"] == f"/sign-in/?next={address}"


def test_one_comes_where_one_wanted(client: Client) -> None:
    wanted = client.get("/workers/?x=1")["Location"]
    page = client.get(wanted).content.decode()
    assert 'href="/sign-up/?next=/workers/%3Fx%3D1"' in page
    user = factories.member()
    form = {"username": user.username, "password": factories.PASSWORD, "next": "/workers/?x=1"}
    assert client.post("/sign-in/", form)["Location"] == "/workers/?x=1"


@pytest.mark.parametrize(("wanted", "offered"), [("/workers/?x=1", True), ("https://elsewhere.test/", False)])
def test_signing_up_leads_on_too_but_never_elsewhere(client: Client, wanted: str, offered: bool) -> None:
    form = {"username": "ada", "password": NEW, "password_again": NEW, "next": wanted}
    page = client.post("/sign-up/", form, follow=True).content.decode()
    assert ("Go on to the page you wanted" in page) is offered
    assert (f'href="{wanted}"' in page) is offered


def test_only_what_is_ones_own_to_change_is_changed() -> None:
    with pytest.raises(TypeError, match="is_staff"):
        change_account(factories.member(), is_staff=True)


def test_the_api_changes_email_language_and_theme() -> None:
    ada = factories.member(username="Ada")
    script = script_of(ada)
    found = script.patch("me", {"email": "ada@example.org", "language": "zh-hans", "theme": "dark"}).json()
    assert (found["email"], found["language"], found["theme"]) == ("ada@example.org", "zh-hans", "dark")
    refused = script.patch("me", {"email": "x", "language": "xx", "theme": "pink", "username": "Eve"})
    assert refused.status_code == 400
    assert set(refused.json()) == {"email", "language", "theme"}
    ada.refresh_from_db()
    assert (ada.username, ada.email, ada.theme) == ("Ada", "ada@example.org", "dark")


def test_a_script_revokes_its_own_token() -> None:
    script = script_of(factories.member())
    (token,) = script.get("me/tokens").json()["results"]
    assert "sha256" not in token
    assert script.delete(f"me/tokens/{token['id']}").status_code == 204
    assert script.get("me").status_code == 401
