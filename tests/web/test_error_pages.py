"""Refusals and faults look like the application, in both languages; the API's are JSON."""

from __future__ import annotations

import json
import tempfile
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import include, path, reverse

from tests.web import factories
from webapp import asgi, urls
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


def refuse_first(get_response: Any) -> Any:
    """A middleware that lets nothing through."""

    def refused(request: HttpRequest) -> HttpResponse:
        raise SuspiciousOperation if "suspect" in request.GET else RuntimeError("on purpose")

    return refused


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


@pytest.mark.parametrize("address", ["refuse", "suspect", "nothing", "breaks"])
def test_pages_in_the_theme_of_the_browser(visitor: Client, address: str) -> None:
    assert 'data-theme="system"' in visitor.get(f"/{address}").content.decode()
    visitor.cookies["theme"] = "dark"
    assert 'data-theme="dark"' in visitor.get(f"/{address}").content.decode()
    visitor.cookies["theme"] = '"><script>'
    assert 'data-theme="system"' in visitor.get(f"/{address}").content.decode()


def test_the_page_of_a_fault_is_there_without_a_database(visitor: Client) -> None:
    def away(*_given: Any) -> None:
        raise OperationalError("The database does not answer.")

    visitor.force_login(factories.member())
    visitor.cookies["theme"], visitor.cookies["django_language"] = "dark", "zh-hans"
    with connection.execute_wrapper(away):
        answer = visitor.get("/benchmarks/")
    assert answer.status_code == 500
    html = answer.content.decode()
    assert "<h1>服务器出错了</h1>" in html
    assert 'lang="zh-hans" data-theme="dark"' in html


def test_refusals_before_the_language_is_known_are_in_the_browsers(visitor: Client, settings: Any) -> None:
    """What refuses or breaks may stand before the middleware that reads the language."""
    settings.MIDDLEWARE = [f"{__name__}.refuse_first", *settings.MIDDLEWARE]
    visitor.cookies["theme"], visitor.cookies["django_language"] = "dark", "zh-hans"
    for query, status, text in (("", 500, "服务器出错了"), ("?suspect", 400, "无法理解该请求")):
        answer = visitor.get(f"/{query}")
        assert answer.status_code == status
        assert f"<h1>{text}</h1>" in answer.content.decode()
        assert 'lang="zh-hans" data-theme="dark"' in answer.content.decode()


@pytest.mark.parametrize("name", ["suspect", "breaks"])
def test_pages_without_the_menus_lead_back_to_the_application(visitor: Client, name: str) -> None:
    html = visitor.get(f"/{name}").content.decode()
    assert '<header class="topbar"><a class="brand" href="/">' in html
    assert "/sign-out/" not in html


def test_what_a_button_does_is_no_blank_page_when_it_is_opened(client: Client) -> None:
    """As after a sign-in that had run out: the address of the form that was sent is opened."""
    member = factories.member()
    client.force_login(member)
    address = reverse("library:prepare_classifier", args=[factories.classifier().pk])
    answer = client.get(address)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    html = answer.content.decode()
    assert (
        "<h1>This can&#x27;t be opened as a page</h1>" in html
        or "<h1>This can't be opened as a page</h1>" in html
    )
    assert member.username in html
    client.cookies["django_language"] = "zh-hans"
    assert "<h1>此地址不能作为页面打开</h1>" in client.get(address).content.decode()
    # Scripts and the API have their own answers.
    assert client.put(address).content == b""
    refused = client.get("/api/v1/benchmarks/estimate")
    assert (refused.status_code, refused["Content-Type"]) == (405, "application/json")


def test_members_see_refusals_within_their_page(client: Client) -> None:
    member = factories.member()
    client.force_login(member)
    assert member.username in client.get("/nothing").content.decode()


def test_form_that_was_open_too_long() -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in/", {"username": "ada"})
    assert answer.status_code == 403
    assert "This page was out of date" in answer.content.decode()
    client.cookies["theme"], client.cookies["django_language"] = "dark", "zh-hans"
    html = client.post("/sign-in/", {"username": "ada"}).content.decode()
    assert "<h1>此页面已过期</h1>" in html
    assert 'lang="zh-hans" data-theme="dark"' in html


def test_forms_over_the_limit_are_413(visitor: Client, settings: Any) -> None:
    """What was too much is said: it is never the size of the upload, which is refused before it is read."""

    def refusal(data: dict[str, Any]) -> list[str]:
        page = visitor.post("/reads", data)
        assert page.status_code == 413
        assert "That was too much at once" in page.content.decode()
        answer = visitor.post("/api/reads", data)
        assert answer.status_code == 413
        assert answer.json()["detail"][0] in page.content.decode()
        return answer.json()["detail"]

    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert refusal({"text": "x" * 1000}) == ["The fields of this request are too long."]
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2
    assert refusal({"a": "1", "b": "2", "c": "3"}) == ["The form has too many fields: at most 2 are taken."]
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    files = {name: SimpleUploadedFile(f"{name}.txt", b"x") for name in ("a", "b")}
    assert refusal(files) == ["Too many files at once: at most 1 are taken."]


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


SIGNED_IN, TOKEN, NOBODY = (
    (b"cookie", b"a=b; sessionid=x"),
    (b"authorization", b"Bearer x"),
    (b"cookie", b"a=b"),
)


@pytest.mark.parametrize(
    ("method", "address", "known_by", "status"),
    [
        ("POST", "/models/import/", SIGNED_IN, 200),
        ("POST", "/data-sets/upload/", SIGNED_IN, 200),
        ("POST", "/account/backup/restore/", SIGNED_IN, 200),
        ("POST", "/studio/pictures/", SIGNED_IN, 200),
        ("POST", "/api/v1/classifiers", TOKEN, 200),
        ("POST", "/api/v1/datasets", TOKEN, 200),
        ("POST", "/api/v1/pictures", SIGNED_IN, 200),
        ("POST", "/models/import/", NOBODY, 413),
        ("POST", "/api/v1/classifiers", NOBODY, 413),
        ("POST", "/models/import/", (b"cookie", b"sessionid="), 413),
        ("POST", "/models/import/", (b"cookie", b"not_sessionid=x"), 413),
        ("GET", "/models/import/", SIGNED_IN, 413),
        ("POST", "/sign-in/", SIGNED_IN, 413),
        ("POST", "/api/v1/benchmarks", TOKEN, 413),
        ("POST", "/data-sets/5/edit/", SIGNED_IN, 413),
    ],
)
def test_only_who_is_known_may_send_much_and_only_where_files_are_brought(
    method: str, address: str, known_by: tuple[bytes, bytes], status: int
) -> None:
    assert answer_to(method, address, [known_by], length=4 * 1024**2)[0] == 200
    found, page = answer_to(method, address, [known_by], length=4 * 1024**2 + 1)
    assert found == status
    assert ("The upload is too big: at most 4 MiB are taken." in page) == (status == 413)


def test_an_upload_has_a_limit_too() -> None:
    most = 2 * 1024**3
    assert answer_to("POST", "/models/import/", [SIGNED_IN], length=most)[0] == 200
    status, page = answer_to("POST", "/models/import/", [SIGNED_IN], length=most + 1)
    assert status == 413
    assert "The upload is too big: at most 2,048 MiB are taken." in page


def answer_to(
    method: str, address: str, headers: list[tuple[bytes, bytes]], *, length: int
) -> tuple[int, str]:
    """Status and page of a request that announces so many bytes, under the limits that are in use."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    headers = [(b"host", b"localhost"), (b"content-length", str(length).encode()), *headers]
    scope = {"type": "http", "method": method, "path": address, "query_string": b"", "headers": headers}
    limited = RequestSizeLimit(
        application, maximum=asgi.application.maximum, usual=asgi.application.usual, refusal=too_large_unread
    )

    async def run() -> tuple[int, str]:
        communicator = ApplicationCommunicator(limited, scope)
        start = await communicator.receive_output(timeout=5)
        body = await communicator.receive_output(timeout=5)
        await communicator.wait(timeout=5)
        return start["status"], body["body"].decode()

    return async_to_sync(run)()


def test_bodies_are_stored_where_there_is_room_for_them() -> None:
    assert asgi.application.maximum == settings.MAX_REQUEST_BYTES
    assert tempfile.gettempdir() == str(settings.UPLOADS_DIR)


def test_page_of_a_fault_needs_no_request() -> None:
    from webapp.error_pages import server_error

    answer = server_error(RequestFactory().get("/anything"))
    assert answer.status_code == 500
    assert "Something broke on our side" in answer.content.decode()
