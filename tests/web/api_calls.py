"""Asking the API as a script does, and benchmarks to ask about."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from tests.web import factories
from webapp.accounts.models import User
from webapp.accounts.tokens import create_token
from webapp.benchmarks import transitions
from webapp.benchmarks.figures import refresh_figures
from webapp.benchmarks.models import Benchmark, Shard, ShardResult

ROOT = "/api/v1/"


class Script:
    """A client that signs in with a token and nothing else, so that no cookie can help it."""

    def __init__(self, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = Client(headers=headers, enforce_csrf_checks=True)

    def get(self, path: str, data: dict[str, Any] | None = None) -> HttpResponse:
        return self.client.get(ROOT + path, data)

    def post(self, path: str, data: Any = None) -> HttpResponse:
        return self.client.post(ROOT + path, data or {}, content_type="application/json")

    def put(self, path: str, data: Any = None) -> HttpResponse:
        return self.client.put(ROOT + path, data or {}, content_type="application/json")

    def upload(self, path: str, data: dict[str, Any]) -> HttpResponse:
        return self.client.post(ROOT + path, data)

    def patch(self, path: str, data: Any = None) -> HttpResponse:
        return self.client.patch(ROOT + path, data or {}, content_type="application/json")

    def delete(self, path: str) -> HttpResponse:
        return self.client.delete(ROOT + path)


def script_of(user: User) -> Script:
    return Script(create_token(owner=user, name=f"script of {user}")[1])


def administrator() -> User:
    user = factories.member()
    user.is_staff = user.is_superuser = True
    user.save()
    return user


def small_png() -> bytes:
    content = BytesIO()
    Image.new("RGB", (20, 20), (120, 130, 140)).save(content, format="PNG")
    return content.getvalue()


def finished_benchmark(
    owner: User, images: int = 8, failed: tuple[int, ...] = (5,), **fields: Any
) -> Benchmark:
    """Eight images, one of which failed, unless told otherwise."""
    benchmark = factories.running_benchmark(owner, images=images, per_shard=4, **fields)
    for shard in benchmark.shards.all():
        columns = factories.columns(shard.start, shard.stop, failed=failed)
        scalars, curves = columns.pack()
        ShardResult.objects.create(shard=shard, scalars=scalars, curves=curves)
    benchmark.shards.update(
        state=Shard.State.DONE,
        claimed_at=benchmark.started,
        finished_at=benchmark.started,
        environment={"device": "Test processor", "versions": {"torch": "2.13.0"}},
    )
    with transaction.atomic():
        figures, shards = refresh_figures(benchmark)
        transitions.succeed(benchmark, figures=figures, shards=shards)
    benchmark.refresh_from_db()
    return benchmark


def asked(benchmark_or_rows: Any, **fields: Any) -> dict[str, Any]:
    """A request for a benchmark like an existing one."""
    return {
        "classifier": benchmark_or_rows.classifier.pk,
        "dataset": benchmark_or_rows.dataset.pk,
        "methods": [{"key": "grad_cam"}],
        "experiments": [{"experiment": "insertion_deletion", "protocol": "thesis@1"}],
        "number_of_images": 10,
        **fields,
    }
