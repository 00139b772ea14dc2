"""Accounts: unique names and numbers, signing in with either."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client

from tests.web import factories
from webapp.accounts.models import User
from webapp.accounts.services import sign_up

pytestmark = pytest.mark.django_db


def test_accounts_are_numbered_upwards() -> None:
    assert [factories.member().account_number for _ in range(3)] == [10001, 10002, 10003]


@pytest.mark.django_db(transaction=True)
def test_sign_ups_at_the_same_time_get_different_numbers() -> None:
    def join(number: int) -> int:
        try:
            return sign_up(username=f"parallel{number}", password=factories.PASSWORD).account_number
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(join, range(8)))
    assert sorted(numbers) == list(range(10001, 10009))


@pytest.mark.parametrize("given", ["Ada", "ada", "ADA", " ada ", "{number}"])
def test_name_in_any_case_and_number_sign_in(given: str) -> None:
    ada = factories.member(username="Ada")
    given = given.format(number=ada.account_number)
    assert authenticate(username=given, password=factories.PASSWORD) == ada


@pytest.mark.parametrize(
    ("given", "password"), [("ada", "wrong password"), ("10002", factories.PASSWORD), ("", "x")]
)
def test_wrong_name_number_or_password_does_not(given: str, password: str) -> None:
    factories.member(username="Ada")
    assert authenticate(username=given, password=password) is None


@pytest.mark.parametrize("number", ["99999999999999999999", "²", "1e3"])
def test_odd_numbers_are_no_error(number: str) -> None:
    assert authenticate(username=number, password=factories.PASSWORD) is None


def test_same_name_in_another_case_is_refused() -> None:
    factories.member(username="Ada")
    with pytest.raises(ValidationError, match="already exists"):
        sign_up(username="ADA", password=factories.PASSWORD)
    assert User.objects.count() == 1


def test_name_of_digits_alone_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a digit"):
        sign_up(username="10001", password=factories.PASSWORD)


def test_passwords_are_hashed_with_argon2(settings: object) -> None:
    from webapp.settings import PASSWORD_HASHERS

    settings.PASSWORD_HASHERS = PASSWORD_HASHERS
    assert factories.member().password.startswith("argon2$argon2id$")


def test_ten_wrong_passwords_close_the_account_for_that_address(client: Client, settings: Any) -> None:
    settings.AXES_ENABLED = True
    factories.member(username="Ada")
    answers = [
        client.post("/sign-in/", {"username": "Ada", "password": "wrong"}).status_code for _ in range(10)
    ]
    assert 429 not in answers[:9]
    right = client.post("/sign-in/", {"username": "Ada", "password": factories.PASSWORD})
    assert right.status_code == 429
    assert "_auth_user_id" not in client.session
    # Addresses in headers are anybody's to write.
    disguised = {"HTTP_X_FORWARDED_FOR": "10.9.9.9", "HTTP_X_REAL_IP": "10.9.9.9"}
    again = client.post("/sign-in/", {"username": "Ada", "password": factories.PASSWORD}, **disguised)
    assert again.status_code == 429
    elsewhere = client.post(
        "/sign-in/", {"username": "Ada", "password": factories.PASSWORD}, REMOTE_ADDR="10.1.2.3"
    )
    assert elsewhere.status_code == 302
