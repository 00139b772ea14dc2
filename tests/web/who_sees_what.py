"""A lab with one of everything, and the shorthand in which the table of test_who_sees_what.py is written."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import URLPattern, URLResolver, get_resolver
from PIL import Image

from saliency_core.datasets.shapes import write_shapes
from tests.web import factories
from tests.web.api_calls import administrator, finished_benchmark
from webapp.accounts.tokens import create_token
from webapp.backups.services import request_backup
from webapp.benchmarks.archives import request_archive
from webapp.benchmarks.deletion import delete_benchmark
from webapp.benchmarks.models import Benchmark, BenchmarkShare, SavedView
from webapp.common.database import now_plus
from webapp.jobs.models import Job
from webapp.library.models import Classifier, Dataset, MethodSettings
from webapp.library.services import register_dataset
from webapp.studio import asking
from webapp.studio.models import Explanation
from webapp.studio.pictures import keep_picture
from webapp.studio.services import explain_benchmark_images, explanation_folder
from webapp.studio.sources import Source, opened

SIGN_IN = "sign in"
"""A redirection to the page of signing in, which leads back."""
KINDS = ["arrow", "circle", "crescent", "cross", "diamond", "heart", "ring", "square", "star", "triangle"]
PRIVATE, NAMED, LAB = "private", "shared with a member", "shared with the lab"

Answer = int | str


@dataclass(frozen=True)
class Row:
    """One method of one address: what the owner of a thing is answered, a reader (whom it was shared with, by name or
    with the lab), any other member, an administrator, and somebody who is not signed in.

    `thing`: attribute of the lab whose key is the address's `pk`; without one the first three are the same member.
    `kwargs`: the address's other parts (or what makes them from the lab); `query` and `body`: of the request, from the
    lab and the thing.
    """

    name: str
    method: str
    thing: str
    owner: Answer
    reader: Answer
    other: Answer
    admin: Answer
    nobody: Answer
    kwargs: dict[str, Any] | Callable[[Any], dict[str, Any]] = field(default_factory=dict)
    query: Callable[[Any, Any], str] = lambda lab, it: ""
    body: Callable[[Any, Any], dict[str, Any]] = lambda lab, it: {}
    keyed: bool = True

    @property
    def is_api(self) -> bool:
        return self.name.startswith("api:")

    def __str__(self) -> str:
        return f"{self.method} {self.name} {self.thing}".strip()


def _row(name: str, method: str, thing: str, *answers: Answer, **more: Any) -> Row:
    nobody: Answer = 401 if name.startswith("api:") and name != "api:docs" else SIGN_IN
    return Row(name, method, thing, *answers, more.pop("nobody", nobody), **more)


def anyone(name: str, method: str, member: Answer, nobody: Answer, **more: Any) -> Row:
    """An address that answers everybody."""
    return _row(name, method, "", member, member, member, member, nobody=nobody, **more)


def members(name: str, method: str = "get", answer: Answer = 200, **more: Any) -> Row:
    """An address for every member, about a `thing` that all may see or about none."""
    return _row(name, method, more.pop("thing", ""), answer, answer, answer, answer, **more)


def staff(name: str, method: str, thing: str, answer: Answer, **more: Any) -> Row:
    """What administrators alone may do."""
    return _row(name, method, thing, 403, 403, 403, answer, **more)


def shared(name: str, method: str, thing: str, answer: Answer = 200, **more: Any) -> Row:
    """What those see with whom a thing is shared."""
    return _row(name, method, thing, answer, answer, 404, 404, **more)


def own(name: str, method: str, thing: str, answer: Answer = 200, **more: Any) -> Row:
    """What the owner alone sees or does; for others it is not there."""
    return _row(name, method, thing, answer, 404, 404, 404, **more)


def own_form(name: str, thing: str, answer: Answer, refused: Answer, **more: Any) -> Row:
    """A form in which only the owner may name the thing: for others it is as if they had named none."""
    return _row(name, "post", thing, answer, refused, refused, refused, keyed=False, **more)


def variants(lab: Any, row: Row) -> Iterator[tuple[str, Any, dict[str, Answer]]]:
    """(how it is shared, the thing, what each person of the lab is to be answered) for a row.

    What is shared with the lab has the reader's answer for every member, administrators included.
    """
    answers = {
        "owner": row.owner,
        "guest": row.other,
        "stranger": row.other,
        "administrator": row.admin,
        "nobody": row.nobody,
    }
    if not row.thing:
        yield "", None, answers | {"guest": row.reader}
        return
    things = getattr(lab, row.thing)
    if not isinstance(things, dict):
        things = {PRIVATE: things}
    for how, thing in things.items():
        if how == PRIVATE:
            yield how, thing, answers
        elif how == NAMED:
            yield how, thing, answers | {"guest": row.reader}
        else:
            everybody = {"guest": row.reader, "stranger": row.reader}
            admin = row.reader if row.admin == row.other else row.admin
            yield how, thing, answers | everybody | {"administrator": admin}


def addresses() -> Iterator[tuple[str, URLPattern]]:
    """All addresses of the project by name, but those of Django's admin."""
    yield from _walk(get_resolver().url_patterns, "")


def _walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for each in patterns:
        if isinstance(each, URLResolver):
            if each.namespace != "admin":
                yield from _walk(
                    each.url_patterns, f"{prefix}{each.namespace}:" if each.namespace else prefix
                )
        else:
            yield f"{prefix}{each.name or each.pattern}", each


def build(settings: Any, folder: Path) -> SimpleNamespace:
    """People (owner, guest, stranger, administrator) and one of everything that `owner` has.

    Things that can be shared are dictionaries by how they are: only one's own, shared with `guest` by name, shared with
    the lab. Files lie in `folder`.
    """
    settings.STATE_DIR = folder
    settings.UPLOADS_DIR, settings.EXPLANATIONS_DIR = folder / "uploads", folder / "maps"
    # More are asked here than a member may ask in a minute.
    settings.API_THROTTLE_RATES = dict.fromkeys(settings.API_THROTTLE_RATES, "100000/minute")
    owner, guest, stranger, admin = (
        factories.member(),
        factories.member(),
        factories.member(),
        administrator(),
    )
    write_shapes(folder / "shapes", images=8, size=64, seed=3)
    shapes = register_dataset(name="Shapes", format="shapes", path=folder / "shapes")
    lab = SimpleNamespace(owner=owner, guest=guest, stranger=stranger, administrator=admin, shapes=shapes)
    lab.cookies = {}
    lab.model = _classifier()
    lab.image = opened(shapes).sample(0).identifier
    lab.classifier = {
        PRIVATE: _classifier(owner=owner),
        LAB: _classifier(owner=owner, shared_with_lab=True),
    }
    lab.unused = {PRIVATE: _classifier(owner=owner), LAB: _classifier(owner=owner, shared_with_lab=True)}
    lab.unused_dataset = {}
    lab.dataset = {PRIVATE: _dataset(shapes, owner), LAB: _dataset(shapes, owner, shared_with_lab=True)}
    for number, how in enumerate((PRIVATE, LAB)):
        shared = {"shared_with_lab": how == LAB}
        found = factories.masked_dataset(
            folder / f"vault {number}", owner=owner, name=f"Vault {number}", **shared
        )
        problem = {"file": f"scratch {number}.png", "problem": "It can't be read."}
        Dataset.objects.filter(pk=found.pk).update(problems=[problem])
        lab.unused_dataset[how] = found
    # Where administrators are answered otherwise about what is shared than about what is not.
    lab.own_unused, lab.lab_unused = lab.unused[PRIVATE], lab.unused[LAB]
    lab.own_unused_dataset, lab.lab_unused_dataset = lab.unused_dataset[PRIVATE], lab.unused_dataset[LAB]
    MethodSettings.objects.create(
        owner=owner, classifier=lab.model, method="grad_cam", parameters={"layer": "features.0"}
    )
    lab.benchmark = {
        PRIVATE: _benchmark(lab),
        NAMED: _benchmark(lab),
        LAB: _benchmark(lab),
    }
    BenchmarkShare.objects.create(benchmark=lab.benchmark[NAMED], user=guest)
    lab.benchmark[LAB].shared_with_lab = True
    lab.benchmark[LAB].save()
    Benchmark.objects.filter(pk=lab.benchmark[PRIVATE].pk).update(
        name="Confidential run", notes="Notes of mine"
    )
    lab.benchmark[PRIVATE].refresh_from_db()
    lab.member_share = {NAMED: lab.benchmark[NAMED]}
    # The owner's archive: those who see the benchmark have archives of their own.
    lab.archived = {NAMED: _benchmark(lab)}
    BenchmarkShare.objects.create(benchmark=lab.archived[NAMED], user=guest)
    _made(request_archive(owner=owner, benchmark=lab.archived[NAMED]))
    lab.deleted = _benchmark(lab)
    Benchmark.objects.filter(pk=lab.deleted.pk).update(name="Discarded run")
    delete_benchmark(lab.deleted)
    lab.picture = keep_picture(owner=owner, upload=SimpleUploadedFile("garden.png", png()))
    lab.prediction = asking.ask_for_prediction(
        owner=owner, classifier=lab.model, source=Source(shapes, lab.image)
    )
    lab.explanation = _explanation(lab)
    lab.token = create_token(owner=owner, name="nightly script")[0]
    lab.view = SavedView.objects.create(owner=owner, name="My view", query="state=running")
    lab.backup, lab.old_backup = _backup(owner), _backup(owner)
    # Heard of in the future: it lives as long as the test takes.
    lab.worker = factories.node(heartbeat_at=now_plus(3600))
    return lab


def _classifier(**fields: Any) -> Classifier:
    description = {
        "layers": factories.LAYERS,
        "default_layer": "features.29",
        "family": "cnn",
        "activation": "softmax",
        "class_names": KINDS,
    }
    return factories.classifier(description=description, **fields)


def _dataset(like: Dataset, owner: Any, **fields: Any) -> Dataset:
    copied = ("format", "path", "fingerprint", "number_of_images", "ground_truth", "classes", "state")
    values = {name: getattr(like, name) for name in copied}
    return Dataset.objects.create(owner=owner, name=f"Shapes {len(fields)}", **values, **fields)


def _benchmark(lab: Any) -> Any:
    return finished_benchmark(lab.owner, classifier=lab.model, dataset=lab.shapes)


def _backup(owner: Any) -> Job:
    return _made(request_backup(owner=owner), benchmarks=1, models=0)


def _made(job: Job, **content: Any) -> Job:
    """The job as one that is ready, with its file."""
    Job.objects.filter(pk=job.pk).update(state=Job.State.READY, finished=now_plus(0), content=content)
    job.path.parent.mkdir(parents=True, exist_ok=True)
    job.path.write_bytes(b"a zip")
    return job


def _explanation(lab: Any) -> Explanation:
    explanation = explain_benchmark_images(
        owner=lab.owner, benchmark=lab.benchmark[PRIVATE], images=[("000.jpg", 0)]
    )["000.jpg"]
    Explanation.objects.filter(pk=explanation.pk).update(state=Explanation.State.READY)
    folder = explanation_folder(explanation)
    folder.mkdir(parents=True)
    (folder / "overlay.webp").write_bytes(b"a map")
    np.save(folder / "map.npy", np.zeros((4, 4), np.float32))
    return explanation


def png() -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((20, 20, 3), 120, np.uint8)).save(content, format="PNG")
    return content.getvalue()
