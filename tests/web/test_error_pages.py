"""Refusals and faults look like the application, in both languages; the API's are JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path

from tests.web import factories
from webapp import urls
from webapp.error_pages import too_large_unread
from webapp.request_limits import RequestSizeLimit


def refuse(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspect(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


def reads_form(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.POST.get("text", ""))


urlpatterns = [
    *(
        path(f"{prefix}{name}", view)
        for prefix in ("", "api/")
        for name, view in {
            "refuse": refuse, "suspect": suspect, "breaks": breaks, "reads": reads_form
        }.items()
    ),
    path("", include(urls.urlpatterns)),
]  # fmt: skip
handler400, handler403, handler404, handler500 = (
    urls.handler400, urls.handler403, urls.handler404, urls.handler500
)  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("address", "status", "english", "chinese"),
    [
        ("refuse", 403, "Not allowed", "没有权限"),
        ("suspect", 400, "The request could not be understood", "无法理解该请求"),
        ("nothing", 404, "Nothing is here", "这里没有内容"),
        ("breaks", 500, "Something broke on our side", "服务器出错了"),
    ],
)
def test_pages_in_both_languages(
    visitor: Client, address: str, status: int, english: str, chinese: str
) -> None:
    for language, text in (("en", english), ("zh-hans", chinese)):
        visitor.cookies["django_language"] = language
        answer = visitor.get(f"/{address}")
        assert answer.status_code == status
        assert f"<h1>{text}</h1>" in answer.content.decode()
        assert f'lang="{language}"' in answer.content.decode()
    if address != "nothing":
        answer = visitor.get(f"/api/{address}")
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
        assert list(answer.json()) == ["detail"]


def test_members_see_refusals_within_their_page(client: Client) -> None:
    member = factories.member()
    client.force_login(member)
    assert member.username in client.get("/nothing").content.decode()


def test_form_that_was_open_too_long() -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in/", {"username": "ada"})
    assert answer.status_code == 403
    assert "This page was out of date" in answer.content.decode()


def test_forms_over_the_limit_are_413(visitor: Client, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    answer = visitor.post("/reads", {"text": "x" * 1000})
    assert answer.status_code == 413
    assert "That was too much at once" in answer.content.decode()
    assert visitor.post("/api/reads", {"text": "x" * 1000}).json() == {
        "detail": ["The upload is too big: at most 2,048 MiB are taken."]
    }
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    assert visitor.post("/reads", {"a": "1", "b": "2", "c": "3"}).status_code == 413


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    ("address", "cookie", "text"),
    [
        ("/models/import/", b"", "That was too much at once"),
        ("/models/import/", b"django_language=zh-hans", "一次发送的内容过多"),
        ("/api/v1/classifiers", b"", "The upload is too big"),
    ],
)
def test_bodies_over_the_limit_are_refused_before_anything_reads_them(
    announced: bool, address: str, cookie: bytes, text: str
) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["more_body"]:
            pass
        raise AssertionError("It was read to its end.")

    headers = [(b"host", b"localhost"), (b"cookie", cookie)]
    headers += [(b"content-length", b"101")] if announced else []
    scope = {"type": "http", "method": "POST", "path": address, "query_string": b"", "headers": headers}

    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        limited = RequestSizeLimit(application, maximum=100, refusal=too_large_unread)
        communicator = ApplicationCommunicator(limited, scope)
        if not announced:
            await communicator.send_input({"type": "http.request", "body": b"x" * 60, "more_body": True})
            await communicator.send_input({"type": "http.request", "body": b"x" * 60, "more_body": True})
        found = await communicator.receive_output(timeout=5), await communicator.receive_output(timeout=5)
        await communicator.wait(timeout=5)
        return found

    start, body = async_to_sync(run)()
    assert start["status"] == 413
    assert text in body["body"].decode()
    if address.startswith("/api/"):
        assert list(json.loads(body["body"])) == ["detail"]


def test_page_of_a_fault_needs_no_request() -> None:
    from webapp.error_pages import server_error

    answer = server_error(RequestFactory().get("/anything"))
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
