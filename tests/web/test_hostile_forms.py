"""Every form, link and JSON body of the application with values that no page sends: none is a fault of the server.

Forms and links are those of the pages that the table of test_who_sees_what.py names, so a new page is tried too; what
is accepted is followed to the page that shows it. Nothing that is tried is kept. PostgreSQL refuses more than SQLite
(NUL, halves of surrogates), so this is part of `make test-lab`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from django.db import transaction
from django.urls import resolve, reverse

from tests.web.test_who_sees_what import ADDRESSES, ask, client_of
from tests.web.who_sees_what import Row, build, variants

pytestmark = [pytest.mark.django_db, pytest.mark.long, pytest.mark.timeout(900)]

# A byte that is no text, as errors="surrogateescape" has it.
NO_UTF_8 = "\udcff"
TEXTS = [
    "",
    "a\0b",
    "-1",
    "9" * 30,
    "1e999",
    "nan",
    "²",
    NO_UTF_8,
    "\u202e<script>{{ 7 }}%s",
    "../../etc/passwd",
    "[" * 2000,
    '{"a": [1]}',
    "x" * 5000,
]
# One field at a time, where a page has many; the others are tried in all fields at once.
ALONE = ["", "a\0b", "9" * 30, NO_UTF_8, "²"]
VALUES: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1e308,
    "",
    "a\0b",
    "\ud800",
    "x" * 5000,
    [],
    [None],
    {},
    {"a": 1},
    [[[]]],
]
# The rest would go untried.
ENDS_THE_SESSION = ("sign-out", "sign_out")


class Page(HTMLParser):
    """The forms of a page (action, method, fields with what they hold) and the addresses with questions it leads to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.forms: list[tuple[str, str, dict[str, str]]] = []
        self.links: set[str] = set()
        self._open: dict[str, str] | None = None
        self._by_id: dict[str, dict[str, str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = self._by_id.setdefault(at.get("id", ""), {}) if at.get("id") else {}
            self.forms.append((at.get("action", ""), at.get("method", "get").lower(), self._open))
        elif tag in ("input", "select", "textarea", "button") and "name" in at:
            form = self._by_id.get(at["form"]) if "form" in at else self._open
            if form is not None:
                form.setdefault(at["name"], at.get("value", ""))
        elif tag == "a" and "?" in at.get("href", ""):
            self.links.add(at["href"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


@pytest.fixture
def lab(settings: Any, tmp_path: Path) -> SimpleNamespace:
    return build(settings, tmp_path)


def pages(lab: SimpleNamespace) -> Iterator[tuple[str, Page]]:
    """Address and content of every page that the owner or an administrator sees."""
    for row in ADDRESSES:
        if row.method != "get" or row.is_api:
            continue
        for person, answer in (("owner", row.owner), ("administrator", row.admin)):
            if answer != 200 or (person == "administrator" and row.owner == 200):
                continue
            _how, thing, _wanted = next(variants(lab, row))
            response = ask(lab, person, row, thing)
            if response.headers.get("Content-Type", "").startswith("text/html"):
                yield response.request["PATH_INFO"], Page(response.content.decode())


def path_of(here: str, address: str) -> str:
    """Of a form's action or a link of this server; empty for others."""
    parts = urlsplit(address)
    if parts.netloc or parts.scheme:
        return ""
    return parts.path or here


def fault_of(client: Any, verb: str, path: str, fields: dict[str, str]) -> str:
    """What is wrong with the answer, or with the page that it leads to; empty where nothing is."""
    sid = transaction.savepoint()
    try:
        sent = urlencode(fields, errors="surrogateescape")
        if verb == "post":
            response = client.post(path, sent, content_type="application/x-www-form-urlencoded", follow=True)
        else:
            response = client.get(f"{path}?{sent}")
            if hasattr(response, "streaming_content"):
                b"".join(response.streaming_content)
        return "" if response.status_code < 500 else f"{response.status_code}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        transaction.savepoint_rollback(sid)


def tried(lab: SimpleNamespace, asked: dict[tuple[str, str], dict[str, str]]) -> list[str]:
    wrong = []
    seen = set()
    for (verb, path), fields in asked.items():
        # Once for each view and set of fields: a list has the same form in every row.
        found = resolve(path)
        this = (verb, found.view_name, tuple(fields))
        if this in seen:
            continue
        seen.add(this)
        tries = [{name: value} for name in fields for value in ALONE]
        tries += [dict.fromkeys(fields, value) for value in TEXTS]
        for changed in tries:
            if fault := fault_of(client_of(lab, "owner"), verb, path, fields | changed):
                wrong.append(f"{verb} {path} {str(changed)[:80]}: {fault}")
    return wrong


def test_forms_refuse_what_no_page_sends(lab: SimpleNamespace) -> None:
    asked: dict[tuple[str, str], dict[str, str]] = {}
    for here, page in pages(lab):
        for action, verb, fields in page.forms:
            path = path_of(here, action)
            if path and not any(word in path for word in ENDS_THE_SESSION):
                asked.setdefault((verb, path), {}).update(
                    {name: value for name, value in fields.items() if name != "csrfmiddlewaretoken"}
                )
    assert len(asked) > 40
    wrong = tried(lab, asked)
    assert not wrong, "\n" + "\n".join(wrong)


def test_addresses_refuse_what_no_link_asks(lab: SimpleNamespace) -> None:
    asked: dict[tuple[str, str], dict[str, str]] = {}
    for here, page in pages(lab):
        for link in page.links:
            if path := path_of(here, link):
                asked.setdefault(("get", path), {}).update(
                    parse_qsl(urlsplit(link).query, keep_blank_values=True)
                )
    for row in ADDRESSES:
        if row.method == "get" and row.owner == 200:
            _how, thing, _wanted = next(variants(lab, row))
            asked.setdefault(("get", address_of(lab, row, thing)), {}).update(
                parse_qsl(row.query(lab, thing))
            )
    for path, names in questions_of_the_api(lab).items():
        asked[("get", path)] = dict.fromkeys(names, "1") | asked[("get", path)]
    assert sum(bool(fields) for fields in asked.values()) > 30
    wrong = tried(lab, asked)
    assert not wrong, "\n" + "\n".join(wrong)


def questions_of_the_api(lab: SimpleNamespace) -> dict[str, list[str]]:
    """The names after the question mark that its document lists, by address."""
    document = (
        client_of(lab, "owner").get(reverse("api:schema"), headers={"Accept": "application/json"}).json()
    )
    asked = {}
    for row in ADDRESSES:
        if not row.is_api or row.method != "get" or row.owner != 200:
            continue
        _how, thing, _wanted = next(variants(lab, row))
        path = address_of(lab, row, thing)
        for template, verbs in document["paths"].items():
            if re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path) and "get" in verbs:
                parameters = verbs["get"].get("parameters", [])
                asked[path] = [each["name"] for each in parameters if each["in"] == "query"]
    return asked


def bodies(value: Any) -> Iterator[Any]:
    """The JSON value with each part of it, and the whole, replaced by each of VALUES in turn."""
    yield from VALUES
    if isinstance(value, dict):
        for name, part in value.items():
            for other in bodies(part):
                yield value | {name: other}
    elif isinstance(value, list):
        for number, part in enumerate(value):
            for other in bodies(part):
                yield [*value[:number], other, *value[number + 1 :]]


def test_the_api_refuses_what_no_document_allows(lab: SimpleNamespace) -> None:
    wrong, number = [], 0
    for row in ADDRESSES:
        if not row.is_api or row.method not in ("post", "put", "patch"):
            continue
        _how, thing, _wanted = next(variants(lab, row))
        for body in bodies(row.body(lab, thing) | more_fields(lab, row)):
            number += 1
            if fault := fault_of_body(lab, row, thing, body):
                wrong.append(f"{row}: {json.dumps(body)[:200]}: {fault}")
    assert number > 500
    assert not wrong, "\n" + "\n".join(wrong)


def more_fields(lab: SimpleNamespace, row: Row) -> dict[str, Any]:
    """What the API takes besides what the table sends, so that it is tried too."""
    return {
        "api:me": {"language": "en", "theme": "dark"},
        "api:tokens": {"name": "x"},
        "api:benchmarks": {
            "name": "x",
            "notes": "x",
            "tags": ["x"],
            "subset_seed": 1,
            "classes": [1],
            "also": [],
            "target": "label",
            "device_label": "",
            "priority": "normal",
            "precision": "fp32",
        },
        "api:benchmark": {"notes": "x", "tags": ["x"], "pinned": True},
        "api:dataset": {"name": "x", "shared_with_lab": True, "class_mapping": {}},
        "api:classifier": {"preprocessing": {"size": 224, "mean": [0.5, 0.5, 0.5]}, "shared_with_lab": False},
        "api:explanations": {"target": 1, "methods": [{"key": "grad_cam", "parameters": {"layer": "x"}}]},
        "api:dataset_folders": {"path": "/x", "format": "shapes", "name": "x"},
        "api:benchmark_shares": {"user": "x", "lab": True},
    }.get(row.name, {})


def address_of(lab: SimpleNamespace, row: Row, thing: Any) -> str:
    key = {"pk": thing.pk} if thing is not None and row.keyed else {}
    others = row.kwargs(lab) if callable(row.kwargs) else row.kwargs
    return reverse(row.name, kwargs=key | others)


def fault_of_body(lab: SimpleNamespace, row: Row, thing: Any, body: Any) -> str:
    client = client_of(lab, "administrator" if row.owner in (403, 404) else "owner")
    sid = transaction.savepoint()
    try:
        address = address_of(lab, row, thing)
        response = client.generic(
            row.method.upper(), address, json.dumps(body), content_type="application/json"
        )
        return "" if response.status_code < 500 else str(response.status_code)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    finally:
        transaction.savepoint_rollback(sid)
