"""Who is answered what, for every address and every socket of the project: one table, one line an address and method.

Adding an address: its name (`app:name`, as in `reverse`) needs a line in ADDRESSES, or the first test fails and names
it. The shorthand says who is answered what:

- `members(name, method, answer)`: every member alike; whoever is not signed in is led to sign in (the API: 401).
- `own(name, method, thing, answer)`: the owner is answered this, everybody else 404.
- `shared(name, method, thing, answer)`: those too with whom it is shared, by name or with the lab.
- `staff(name, method, thing, answer)`: administrators; other members 403.
- `own_form(name, thing, answer, refused)`: a form that names a thing; others are answered as if they had named none.
- `anyone(name, method, member, nobody)`: also who is not signed in; `nobody` says what they get.

`thing` is an attribute of the lab that `build` in who_sees_what.py makes; its key fills the address's `pk`, and every
variant of it (own, shared by name, shared with the lab) is tried. A new kind of thing gets a line there: a row of
`owner`'s, or a dictionary by PRIVATE, NAMED, LAB. `kwargs` fills the other parts of the address, `query` and `body`
make the request. `Row(...)` can say everything else. Methods that are in no line of an address must be refused to
everyone; nothing that is tried is kept. An address of Django's admin needs no line: all are administrators' alone.
A socket has a line in SOCKETS: the address, the thing, and who may stay (others are closed with 4404).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from tests.web.who_sees_what import (
    PRIVATE,
    SIGN_IN,
    Row,
    addresses,
    anyone,
    build,
    members,
    own,
    own_form,
    shared,
    staff,
    variants,
)
from webapp.routing import websocket_urlpatterns

pytestmark = pytest.mark.django_db

METHODS = ("get", "post", "put", "patch", "delete")
REFUSED = {302, 401, 403, 404, 405}


def map_of(lab: Any, it: Any) -> dict[str, Any]:
    return {
        "model": lab.model.pk,
        "dataset": lab.shapes.pk,
        "image": lab.image,
        "class": 1,
        "method": "grad_cam",
    }


def image_of(lab: Any, it: Any) -> str:
    return f"model={lab.model.pk}&dataset={lab.shapes.pk}&image={lab.image}"


def image_in(lab: Any, it: Any) -> str:
    return f"model={lab.model.pk}&dataset={it.pk}&image={lab.image}"


def picture(lab: Any, it: Any) -> str:
    return f"model={lab.model.pk}&picture={it.pk}"


def with_picture(lab: Any, it: Any) -> dict[str, Any]:
    return {"model": lab.model.pk, "picture": it.pk, "class": 1, "method": "grad_cam"}


def request_of(lab: Any, it: Any) -> dict[str, Any]:
    return {
        "classifier": it.pk,
        "dataset": lab.shapes.pk,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"experiment": "insertion_deletion", "protocol": "thesis@1"}],
        "number_of_images": 2,
    }


def named(lab: Any, it: Any) -> dict[str, Any]:
    return {"images": ["000.jpg"]}


def layer(lab: Any, it: Any) -> dict[str, Any]:
    return {"layer": "features.0"}


def parameters(lab: Any, it: Any) -> dict[str, Any]:
    return {"parameters": layer(lab, it)}


def compared(lab: Any, it: Any) -> str:
    return f"benchmark={it.pk}"


def first_of(lab: Any, it: Any) -> str:
    return f"result={it.pk}.0"


def map_of_first(lab: Any, it: Any) -> dict[str, Any]:
    return {"image": "000.jpg", "method": "0"}


def classes_of_picture(lab: Any, it: Any) -> dict[str, Any]:
    return {"classifier": lab.model.pk, "picture": it.pk}


def map_of_picture(lab: Any, it: Any) -> dict[str, Any]:
    return classes_of_picture(lab, it) | {"target": 1, "methods": [{"key": "gradient"}]}


FREE = {"keyed": False}
GRAD_CAM = {"method": "grad_cam"}
CSV = {"name": "comparison", "ending": "csv"}
JSON = {"name": "comparison", "ending": "json"}

ADDRESSES = [
    # --- whole pages, and what is the same for all
    anyone("healthz", "get", 503, 503),  # no broker and no workers here; the status says so
    anyone("metrics", "get", 200, 200),  # of this machine; others have to show the token
    anyone("set_language", "post", 302, 302),
    anyone("accounts:home", "get", 200, 200),
    anyone("accounts:sign_in", "get", 302, 200),
    anyone("accounts:sign_in", "post", 302, 200),
    anyone("accounts:sign_in", "put", 302, 200),
    anyone("accounts:sign_up", "get", 302, 200),
    anyone("accounts:sign_up", "post", 302, 422),
    anyone("accounts:sign_out", "post", 302, 302),
    anyone("accounts:theme", "post", 302, 302),
    anyone("accounts:language", "post", 302, 302),
    members("accounts:account"),
    members("accounts:tokens"),
    members("accounts:tokens", "post", 422),
    own("accounts:revoke_token", "post", "token", 302),
    members("accounts:account", "post"),
    members("accounts:sign_out_everywhere", "post", 302),
    # Who signs in to Django's admin signs in as everywhere.
    Row("admin_sign_in", "get", "", 403, 403, 403, SIGN_IN, SIGN_IN),
    anyone("help:index", "get", 200, 200),
    anyone("help:method", "get", 200, 200, kwargs={"key": "grad_cam"}),
    anyone("help:experiment", "get", 200, 200, kwargs={"key": "perturbation"}),
    anyone("help:glossary", "get", 200, 200),
    anyone("help:keyboard", "get", 200, 200),
    # --- files for workers of other machines: none without their token
    anyone("worker_files:weights", "get", 404, 404, kwargs={"sha256": "ab" * 32, "suffix": ".safetensors"}),
    anyone(
        "worker_files:dataset",
        "get",
        404,
        404,
        kwargs={"pk": 1, "format": "shapes", "fingerprint": "ab" * 32},
    ),
    # --- backups
    members("backups:backups"),
    members("backups:backups", "post", 302),
    members("backups:restore", "post", 422),
    own("backups:download", "get", "backup"),
    own("backups:cancel", "post", "backup", 302),
    own("backups:delete", "post", "old_backup", 302),
    # --- models and data sets
    members("library:classifiers"),
    members("library:import_classifier"),
    members("library:import_classifier", "post", 422),
    shared("library:classifier", "get", "classifier"),
    shared("library:prepare_classifier", "post", "classifier", 302),
    own("library:cancel_preparation", "post", "own_unused", 302),
    Row("library:cancel_preparation", "post", "lab_unused", 302, 404, 404, 302, SIGN_IN),
    Row("library:cancel_preparation", "post", "model", 404, 404, 404, 302, SIGN_IN),
    own("library:delete_classifier", "post", "unused", 302),
    own("library:delete_classifier", "get", "unused"),
    members("library:architectures"),
    shared("library:look_again", "post", "classifier", 302),
    own("library:change_classifier", "get", "classifier"),
    own("library:change_classifier", "post", "classifier", 422),
    own("library:change_preprocessing", "get", "classifier"),
    own("library:change_preprocessing", "post", "classifier", 302),
    members("library:datasets"),
    shared("library:dataset", "get", "dataset"),
    members("library:upload_dataset"),
    members("library:upload_dataset", "post", 422),
    Row("library:register_folder", "get", "", 404, 404, 404, 200, SIGN_IN),
    Row("library:register_folder", "post", "", 404, 404, 404, 422, SIGN_IN),
    own("library:edit_dataset", "get", "dataset"),
    own("library:edit_dataset", "post", "dataset", 422),
    Row("library:edit_dataset", "get", "shapes", 404, 404, 404, 200, SIGN_IN),
    own("library:cancel_dataset", "post", "own_unused_dataset", 302),
    Row("library:cancel_dataset", "post", "lab_unused_dataset", 302, 404, 404, 302, SIGN_IN),
    Row("library:cancel_dataset", "post", "shapes", 404, 404, 404, 302, SIGN_IN),
    own("library:look_at_dataset_again", "post", "unused_dataset", 302),
    shared("library:check_dataset", "post", "dataset", 302),
    shared("library:dataset_problems", "get", "unused_dataset"),
    shared("library:dataset_problems_text", "get", "unused_dataset"),
    shared("library:dataset_images", "get", "dataset"),
    shared("library:dataset_image", "get", "dataset", kwargs={"index": 0}),
    shared("library:dataset_picture", "get", "dataset", kwargs={"index": 0}),
    shared("library:dataset_masks", "get", "unused_dataset", kwargs={"index": 0}),
    own("library:delete_dataset", "post", "unused_dataset", 302),
    # --- settings of methods
    shared("method_settings:overview", "get", "classifier"),
    shared("method_settings:method", "get", "classifier", kwargs=GRAD_CAM),
    shared("method_settings:method", "post", "classifier", 302, kwargs=GRAD_CAM, body=layer),
    shared("method_settings:preview", "get", "classifier", 302, kwargs=GRAD_CAM),
    shared("method_settings:preview", "post", "classifier", 302, kwargs=GRAD_CAM, body=layer),
    shared("method_settings:reset", "post", "classifier", 302, kwargs=GRAD_CAM),
    shared("method_settings:reset_all", "post", "classifier", 302),
    shared("method_settings:copy", "post", "classifier", 302),
    # --- the studio
    members("studio:maps", query=image_of),
    members("studio:cut_outs", query=image_of),
    members("studio:classes", query=image_of),
    members("studio:predicted", query=image_of),
    members("studio:method_settings", query=image_of),
    members("studio:generate", "post", 302, body=map_of),
    own_form("studio:generate", "picture", 302, 422, body=with_picture),
    members("studio:predict", "post", 302, body=map_of),
    own_form("studio:predict", "picture", 302, 422, body=with_picture),
    members("studio:upload", "post", 422),
    members("studio:framed", query=image_of),
    shared("studio:framed", "get", "dataset", query=image_in, **FREE),
    own("studio:framed", "get", "picture", query=picture, **FREE),
    members("studio:mask", query=image_of),
    shared("studio:mask", "get", "dataset", query=image_in, **FREE),
    shared("studio:thumbnail", "get", "dataset", kwargs={"index": 0}),
    own("studio:picture_thumbnail", "get", "picture"),
    own("studio:delete_picture", "post", "picture", 302),
    own("studio:tile", "get", "explanation"),
    own("studio:overlay", "get", "explanation"),
    own("studio:values", "get", "explanation"),
    own("studio:map", "get", "explanation", 302),
    own("studio:map_curves", "get", "explanation"),
    members("studio:curves", query=image_of),
    # There is nothing on it.
    members("studio:sheet", answer=404, query=image_of),
    members("studio:history"),
    members("studio:change_history", "post", 302),
    members("studio:change_maps", "post", 302),
    # --- benchmarks
    members("benchmarks:list"),
    members("benchmarks:new"),
    members("benchmarks:new", "post", 422),
    members("benchmarks:expected_time"),
    shared("benchmarks:detail", "get", "benchmark"),
    shared("benchmarks:live_parts", "get", "benchmark"),
    shared("benchmarks:images", "get", "benchmark"),
    shared("benchmarks:classes", "get", "benchmark"),
    shared("benchmarks:maps", "post", "benchmark", body=lambda lab, it: {"image": "000.jpg"}),
    own("benchmarks:cancel", "post", "benchmark", 302),
    own("benchmarks:pause", "post", "benchmark", 302),
    own("benchmarks:resume", "post", "benchmark", 302),
    shared("benchmarks:images_csv", "get", "benchmark"),
    shared("benchmarks:table", "get", "benchmark", kwargs={"name": "summary"}),
    shared("benchmarks:latex", "get", "benchmark"),
    shared("benchmarks:json", "get", "benchmark"),
    shared("benchmarks:report", "get", "benchmark"),
    shared("benchmarks:archive", "get", "benchmark", 302),  # there is none yet
    shared("benchmarks:make_archive", "post", "benchmark", 302),
    shared("benchmarks:cancel_archive", "post", "benchmark", 302),
    Row("benchmarks:detail", "get", "deleted", 404, 404, 404, 404, SIGN_IN),
    members("benchmarks:deleted"),
    members("benchmarks:selected", "post", 302),
    members("benchmarks:restore", "post", 302),
    members("benchmarks:save_view", "post", 302, body=lambda lab, it: {"name": "Mine", "query": "q=x"}),
    own("benchmarks:rename_view", "post", "view", 302, body=lambda lab, it: {"name": "Other"}),
    own("benchmarks:delete_view", "post", "view", 302),
    shared("benchmarks:pin", "post", "benchmark", 302, body=lambda lab, it: {"pinned": "on"}),
    own("benchmarks:label", "get", "benchmark", 302),
    own("benchmarks:label", "post", "benchmark", 302, body=lambda lab, it: {"name": "Renamed"}),
    own("benchmarks:priority", "post", "benchmark", 302, body=lambda lab, it: {"priority": "low"}),
    own("benchmarks:share", "get", "benchmark", 302),
    own("benchmarks:share", "post", "benchmark", 302, body=lambda lab, it: {"lab": "on"}),
    own("benchmarks:withdraw", "post", "member_share", 302, kwargs=lambda lab: {"user_pk": lab.guest.pk}),
    own("benchmarks:rerun", "post", "benchmark", 302),
    shared("benchmarks:clone", "get", "benchmark", 302),
    own("benchmarks:delete", "post", "benchmark", 302),
    # --- comparisons: what one may not see is named as not there
    members("comparisons:compare"),
    Row("comparisons:compare", "get", "benchmark", 302, 302, 200, 200, SIGN_IN, query=compared, **FREE),
    shared("comparisons:maps", "post", "benchmark", query=first_of, body=map_of_first, **FREE),
    shared("comparisons:download", "get", "benchmark", query=compared, kwargs=CSV, **FREE),
    shared("comparisons:download", "get", "benchmark", query=compared, kwargs=JSON, **FREE),
    # --- workers
    members("benchmarks:workers"),
    members("benchmarks:workers_live"),
    staff("benchmarks:worker_mode", "post", "worker", 302, body=lambda lab, it: {"mode": "paused"}),
    # --- the API
    members("api:docs"),
    members("api:schema"),
    members("api:me"),
    members("api:me", "patch"),
    members("api:tokens"),
    own("api:token", "delete", "token", 204),
    members("api:methods"),
    members("api:method", kwargs={"key": "grad_cam"}),
    members("api:enhancement"),
    members("api:experiments"),
    members("api:experiment", kwargs={"key": "insertion_deletion"}),
    members("api:classifiers"),
    members("api:classifiers", "post", 415),  # an upload that is JSON
    shared("api:classifier", "get", "classifier"),
    own("api:classifier", "delete", "unused", 204),
    shared("api:prepare_classifier", "post", "classifier"),
    own("api:cancel_preparation", "post", "own_unused", 409),  # it is ready
    Row("api:cancel_preparation", "post", "lab_unused", 409, 404, 404, 409, 401),
    Row("api:cancel_preparation", "post", "model", 404, 404, 404, 409, 401),
    own("api:classifier", "patch", "classifier", body=lambda lab, it: {"name": "Renamed"}),
    own(
        "api:classifier",
        "patch",
        "classifier",
        body=lambda lab, it: {"preprocessing": {"pipeline": "resize_crop"}},
    ),
    shared("api:classifier_compatibility", "get", "classifier"),
    shared("api:classifier_compatibility", "post", "classifier"),
    members("api:architectures"),
    shared("api:classifier_settings", "get", "classifier"),
    shared("api:classifier_settings", "delete", "classifier", 204),
    shared("api:method_settings", "get", "classifier", kwargs=GRAD_CAM),
    shared("api:method_settings", "put", "classifier", kwargs=GRAD_CAM, body=parameters),
    shared("api:method_settings", "delete", "classifier", 204, kwargs=GRAD_CAM),
    members("api:datasets"),
    members("api:datasets", "post", 415),  # an upload that is JSON
    staff("api:dataset_folders", "post", "", 400),  # no path given
    shared("api:dataset", "get", "dataset"),
    own("api:cancel_dataset", "post", "own_unused_dataset", 409),
    Row("api:cancel_dataset", "post", "lab_unused_dataset", 409, 404, 404, 409, 401),
    Row("api:cancel_dataset", "post", "shapes", 404, 404, 404, 409, 401),
    own("api:dataset", "patch", "unused_dataset"),
    Row("api:dataset", "patch", "shapes", 404, 404, 404, 200, 401),
    shared("api:dataset_images", "get", "dataset"),
    shared("api:dataset_image_file", "get", "dataset", kwargs={"index": 0}),
    shared("api:dataset_masks_file", "get", "unused_dataset", kwargs={"index": 0}),
    own("api:dataset", "delete", "unused_dataset", 204),
    members("api:benchmarks"),
    Row("api:benchmarks", "post", "classifier", 201, 201, 400, 400, 401, body=request_of, **FREE),
    Row("api:estimate", "post", "classifier", 200, 200, 400, 400, 401, body=request_of, **FREE),
    shared("api:benchmark", "get", "benchmark"),
    own("api:cancel_benchmark", "post", "benchmark", 409),
    own("api:pause_benchmark", "post", "benchmark", 409),
    own("api:resume_benchmark", "post", "benchmark", 409),
    shared("api:benchmark_images_csv", "get", "benchmark"),
    shared("api:benchmark_table", "get", "benchmark", kwargs={"name": "classes"}),
    shared("api:benchmark_latex", "get", "benchmark"),
    shared("api:benchmark_report", "get", "benchmark"),
    shared("api:benchmark_results", "get", "benchmark"),
    shared("api:benchmark_document", "get", "benchmark"),
    shared("api:benchmark_archive", "post", "benchmark", 202),
    Row("api:benchmark_archive", "get", "archived", 200, 404, 404, 404, 401),
    shared("api:benchmark_archive", "delete", "benchmark", 204),
    Row("api:benchmark_archive_file", "get", "archived", 200, 409, 404, 404, 401),
    shared("api:benchmark_events", "get", "benchmark"),
    shared("api:benchmark_explanations", "post", "benchmark", body=named),
    own("api:benchmark", "patch", "benchmark", body=lambda lab, it: {"name": "Renamed"}),
    own("api:benchmark", "delete", "benchmark", 204),
    Row("api:benchmark", "get", "deleted", 404, 404, 404, 404, 401),
    own("api:rerun_benchmark", "post", "benchmark", 201),
    members("api:deleted_benchmarks"),
    own("api:restore_benchmark", "post", "deleted"),
    own("api:benchmark_shares", "get", "benchmark"),
    own(
        "api:benchmark_shares",
        "post",
        "benchmark",
        201,
        body=lambda lab, it: {"member": lab.stranger.username},
    ),
    own(
        "api:benchmark_share",
        "delete",
        "member_share",
        204,
        kwargs=lambda lab: {"account_number": lab.guest.account_number},
    ),
    shared("api:comparison", "get", "benchmark", query=compared, **FREE),
    shared("api:comparison_differences", "get", "benchmark", query=compared, **FREE),
    members("api:backups"),
    members("api:backups", "post", 202),
    own("api:backup", "get", "backup"),
    own("api:backup_file", "get", "backup"),
    own("api:backup", "delete", "old_backup", 204),
    members("api:workers"),
    members("api:worker", "get", thing="worker"),
    staff("api:worker", "patch", "worker", 200, body=lambda lab, it: {"mode": "paused"}),
    members("api:queue"),
    staff("api:audit", "get", "", 200),
    members("api:explanations"),
    own("api:explanation", "get", "explanation"),
    own("api:explanation_overlay", "get", "explanation"),
    own("api:explanation_map", "get", "explanation"),
    own("api:explanation_curves", "get", "explanation"),
    own("api:explanation_cut_outs", "get", "explanation"),
    own("api:explanation_cut_out", "get", "explanation", 409),  # the data set has no such image
    Row("api:explanations", "post", "picture", 201, 201, 400, 400, 401, body=map_of_picture, **FREE),
    own("api:explanation", "patch", "explanation", body=lambda lab, it: {"pinned": True}),
    own("api:cancel_explanation", "post", "explanation", 204),
    own("api:retry_explanation", "post", "explanation"),
    own("api:explanation", "delete", "explanation", 204),
    members("api:predictions"),
    Row("api:predictions", "post", "picture", 201, 201, 400, 400, 401, body=classes_of_picture, **FREE),
    own("api:prediction", "get", "prediction"),
    members("api:pictures"),
    members("api:pictures", "post", 415),  # an upload that is JSON
    own("api:picture", "get", "picture"),
    own("api:picture", "delete", "picture", 204),
    *[members("api:nothing", method, 404, kwargs={"rest": "at/all"}) for method in METHODS],
]

SOCKETS = [
    # address, thing, query; who may stay: o(wner), r(eader), s(tranger), a(dministrator), n(obody)
    ("ws/benchmarks/", "benchmark", "benchmark={pk}", "or"),
    ("ws/data-sets/", "dataset", "dataset={pk}", "or"),
    ("ws/jobs/<int:job_id>/", "backup", "", "o"),
    ("ws/member/", "", "", "orsa"),
    ("ws/models/", "classifier", "classifier={pk}", "or"),
    ("ws/benchmarks/<int:benchmark_id>/", "benchmark", "", "or"),
    ("ws/workers/", "", "", "orsa"),
    ("ws/studio/", "explanation", "explanation={pk}", "o"),
    ("ws/studio/", "prediction", "prediction={pk}", "o"),
]

PEOPLE = ("nobody", "stranger", "guest", "administrator", "owner")


@pytest.fixture
def lab(settings: Any, tmp_path: Path) -> SimpleNamespace:
    return build(settings, tmp_path)


def client_of(lab: Any, person: str) -> Client:
    """A browser in which the person has signed in; each time another one, as it may be signed out."""
    client = Client(raise_request_exception=False)
    if person == "nobody":
        return client
    if person not in lab.cookies:
        client.force_login(getattr(lab, person))
        lab.cookies[person] = client.cookies[settings.SESSION_COOKIE_NAME].value
    client.cookies[settings.SESSION_COOKIE_NAME] = lab.cookies[person]
    return client


def ask(lab: Any, person: str, row: Row, thing: Any, method: str = "") -> Any:
    """The answer to a person, whatever they change taken back."""
    key = {"pk": thing.pk} if thing is not None and row.keyed else {}
    others = row.kwargs(lab) if callable(row.kwargs) else row.kwargs
    address = reverse(row.name, kwargs=key | others)
    if query := row.query(lab, thing):
        address += f"?{query}"
    client = client_of(lab, person)
    sid = transaction.savepoint()
    try:
        how = method or row.method
        if how == "get":
            return client.get(address)
        body = row.body(lab, thing)
        if row.is_api or how != "post":
            return client.generic(how.upper(), address, json.dumps(body), content_type="application/json")
        return client.post(address, body)
    finally:
        transaction.savepoint_rollback(sid)


def seen(response: Any) -> int | str:
    location = response.headers.get("Location", "")
    return (
        SIGN_IN
        if response.status_code == 302 and location.startswith("/sign-in/?next=")
        else response.status_code
    )


# --- addresses -----------------------------------------------------------------------------------------------


def test_every_address_has_a_line_in_the_table() -> None:
    existing = {name for name, _pattern in addresses()}
    listed = {row.name for row in ADDRESSES}
    assert existing - listed == set(), "add these to ADDRESSES, as this file's beginning says"
    assert listed - existing == set(), "these are gone: remove their lines"


def test_no_two_addresses_have_the_same_name() -> None:
    """A form would be sent to the other one."""
    names = [name for name, _pattern in addresses()]
    assert [name for name in names if names.count(name) > 1] == []


def test_who_is_answered_what(lab: SimpleNamespace) -> None:
    wrong = []
    for row in ADDRESSES:
        for how, thing, wanted in variants(lab, row):
            for person in PEOPLE:
                found = seen(ask(lab, person, row, thing))
                if found != wanted[person]:
                    wrong.append(f"{row} ({how}): {person} is answered {found}, not {wanted[person]}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_other_methods_are_refused(lab: SimpleNamespace) -> None:
    wrong = []
    for name in dict.fromkeys(row.name for row in ADDRESSES):
        rows = [row for row in ADDRESSES if row.name == name]
        _how, thing, _wanted = next(variants(lab, rows[0]))
        for method in set(METHODS) - {row.method for row in rows}:
            for person in ("nobody", "owner", "administrator"):
                status = ask(lab, person, rows[0], thing, method).status_code
                if status not in REFUSED:
                    wrong.append(f"{method} {name}: {person} is answered {status}")
    assert not wrong, "\n" + "\n".join(wrong)


def test_what_is_not_there_is_answered_as_what_is_not_ones_own(lab: SimpleNamespace) -> None:
    for row in ADDRESSES:
        if not row.thing or not row.keyed or row.other != 404:
            continue
        missing = SimpleNamespace(pk=2**31 - 1)
        _how, thing, _wanted = next(variants(lab, row))
        assert ask(lab, "stranger", row, missing).content == ask(lab, "stranger", row, thing).content or (
            ask(lab, "stranger", row, missing).status_code == 404
        )


def test_lists_name_only_what_one_may_see(lab: SimpleNamespace) -> None:
    """Names of what is the owner's alone are on no page of others."""
    pages = [row for row in ADDRESSES if row.method == "get" and not row.thing and row.owner == 200]
    private = [
        lab.classifier[PRIVATE].name,
        lab.unused[PRIVATE].name,
        lab.dataset[PRIVATE].name,
        lab.unused_dataset[PRIVATE].name,
        lab.benchmark[PRIVATE].name,
        "Discarded run",
        "Notes of mine",
        "scratch 0.png",
        "garden.png",
        "vault 1",  # where a data set lies that is shared with the lab
    ]
    private += [lab.token.name, lab.view.name]
    for row in pages:
        for person in ("nobody", "stranger", "administrator"):
            text = ask(lab, person, row, None).content.decode(errors="replace")
            for name in private:
                # "Model 1" is in "Model 12" as well.
                assert not re.search(rf"{re.escape(name)}\b", text), f"{row}: {person} reads {name}"


def test_no_address_serves_the_folders_of_the_state() -> None:
    client = Client()
    for path in ("/uploads/", "/media/", "/weights/x.safetensors", "/explanations/", "/var/secret_key"):
        assert client.get(path).status_code == 404


# --- Django's admin ------------------------------------------------------------------------------------------


def test_the_admin_is_for_administrators(lab: SimpleNamespace) -> None:
    patterns = next(each for each in get_resolver().url_patterns if getattr(each, "namespace", "") == "admin")
    tried = 0
    for each in _flat(patterns.url_patterns):
        if not each.name or "<" in str(each.pattern) or "(" in str(each.pattern) or each.name == "login":
            continue
        address = reverse(f"admin:{each.name}")
        for person in ("nobody", "stranger", "owner"):
            response = client_of(lab, person).get(address)
            refused = response.status_code in (302, 405) and "/admin/" in response.headers.get(
                "Location", "/admin/"
            )
            assert refused, f"{address}: {person} is answered {response.status_code}"
        if each.name.endswith(("index", "changelist")):
            assert client_of(lab, "administrator").get(address).status_code == 200, address
        tried += 1
    assert tried > 5


def _flat(patterns: list[Any]) -> Iterator[URLPattern]:
    for each in patterns:
        if isinstance(each, URLPattern):
            yield each
        else:
            prefix = str(each.pattern)
            for inner in _flat(each.url_patterns):
                if "<" not in prefix:
                    yield inner


# --- sockets -------------------------------------------------------------------------------------------------


def test_every_socket_has_a_line_in_the_table() -> None:
    assert {str(each.pattern) for each in websocket_urlpatterns} == {row[0] for row in SOCKETS}


@pytest.mark.django_db(transaction=True)
def test_who_may_watch(lab: SimpleNamespace) -> None:
    wrong = []
    letters = {"owner": "o", "reader": "r", "other": "s", "admin": "a", "nobody": "n"}
    for address, thing, query, stays in SOCKETS:
        answers = {place: "stays" if letter in stays else 4404 for place, letter in letters.items()}
        for how, it, wanted in variants(lab, Row(address, "get", thing, **answers)):
            key = str(it.pk) if it else ""
            path = "/" + re.sub(r"<[^>]+>", key, address)
            for person in PEOPLE:
                user = AnonymousUser() if person == "nobody" else getattr(lab, person)
                found = watch(path, query.format(pk=key), user)
                # Every page opens the member's own socket: it says that one is signed out, not that nothing is there.
                if found != (4401 if address == "ws/member/" and person == "nobody" else wanted[person]):
                    wrong.append(f"{address} ({how}): {person}: {found}, not {wanted[person]}")
    assert not wrong, "\n" + "\n".join(wrong)


def watch(path: str, query: str, user: Any) -> int | str:
    """ "stays" if the socket sends something, else the code with which it is closed."""

    async def run() -> int | str:
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "user": user}
        communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
        await communicator.send_input({"type": "websocket.connect"})
        accepted = await communicator.receive_output(timeout=5)
        assert accepted["type"] == "websocket.accept"
        first = await communicator.receive_output(timeout=5)
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return "stays" if first["type"] == "websocket.send" else first["code"]

    return async_to_sync(run)()
