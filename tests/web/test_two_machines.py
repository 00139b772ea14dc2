"""A worker on a machine that has neither weights nor data sets: it asks a real web server for them, and checks both."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client
from PIL import Image
from structlog.testing import capture_logs

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.shapes import write_shapes
from saliency_core.errors import DatasetError, Interrupted, WeightsError
from tests.application import free_port
from tests.conftest import REPOSITORY
from tests.core.datasets.test_voc import box, write_set, write_xml
from tests.web import factories
from webapp.benchmarks.models import Benchmark, Shard, WorkerTrouble
from webapp.benchmarks.queue import workers_at_work
from webapp.library.dataset_looks import row_fields
from webapp.library.models import Classifier, Dataset
from webapp.worker_files.dataset_archives import archive_of
from workers import fetching, resources, stopping
from workers.benchmarking import REST_SECONDS, run_claim, run_shard
from workers.claiming import claim_shard
from workers.dataset_places import dataset_here
from workers.fetched_files import mark_of
from workers.fetching import CannotFetch, fetch_dataset, fetch_weights, unpack
from workers.node import Node
from workers.parent_death import die_with_parent
from workers.progress import ShardWatch
from workers.resources import stored_weights
from workers.troubles import MachineFault

pytestmark = pytest.mark.django_db

TOKEN = "a token of more than twenty characters"
WEIGHTS = REPOSITORY / "saliency_core/classifiers/shapes_weights/shapes_cnn.safetensors"
SHA256 = sha256_of(WEIGHTS)
START_SECONDS = 60.0
SHAPES, PLAIN = 1, 2
"""Numbers of the first machine's data sets."""


class WebMachine:
    """The first machine: its state directory, two data sets beside it, and its web server."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.shapes, self.plain = folder / "shapes", folder / "photographs" / "plain"
        self.weights = self.state / "weights" / f"{SHA256}.safetensors"
        self.url = ""
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SALISCOPE_")},
            "SALISCOPE_ENV_FILE": "",
            "SALISCOPE_STATE_DIR": str(self.state),
            "SALISCOPE_WORKER_TOKEN": TOKEN,
            "SALISCOPE_QUEUE_PREFIX": f"two-machines-{os.getpid()}",
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
            "DATABASE_URL": f"sqlite:///{self.state / 'first.sqlite3'}",
        }
        write_shapes(self.shapes, images=12, size=64, seed=3)
        for number in range(6):
            folder = self.plain / f"class {number % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40 + number, 30), "teal").save(folder / f"{number}.png")
        self.state.mkdir()
        self._manage("migrate", "--verbosity", "0")
        self._manage("register_dataset", "Shapes", "--format", "shapes", str(self.shapes))
        self._manage("register_dataset", "Plain", "--format", "image-folder", str(self.plain))
        self.weights.parent.mkdir(exist_ok=True)
        shutil.copy(WEIGHTS, self.weights)

    def _manage(self, *arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(
            command, cwd=REPOSITORY, env=self.environment, check=True, capture_output=True, timeout=120
        )

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        port, tests = free_port(), os.getpid()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "uvicorn", "webapp.asgi:application", "--port", str(port)]
        command += ["--lifespan", "off", "--log-level", "warning"]
        process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=self.environment | environment,
            preexec_fn=lambda: die_with_parent(tests),
        )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(f"{self.url}/worker-files/weights/{SHA256}.safetensors", timeout=5)
            except urllib.error.HTTPError:
                return process  # It answers; to a request without the token this.
            except OSError:
                time.sleep(0.1)
        process.kill()
        raise AssertionError("the web server does not answer")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> WebMachine:
    return WebMachine(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def served(machine: WebMachine) -> Iterator[WebMachine]:
    process = machine.start()
    yield machine
    process.kill()
    process.wait()


@pytest.fixture
def second(settings: Any, tmp_path: Path) -> Path:
    """The second machine's state directory. What other tests have opened in this process is not open there."""
    settings.WEIGHTS_DIR, settings.DATASETS_DIR = tmp_path / "weights", tmp_path / "datasets"
    settings.PIXEL_CACHE_DIR = tmp_path / "pixels"
    settings.WEB_URL, settings.WORKER_TOKEN, settings.DATASET_ROOTS = "", TOKEN, ()
    for kept in (resources._classifiers, resources._datasets, resources._labels):
        kept.clear()
    return tmp_path


def files_below(folder: Path) -> list[str]:
    """All but the empty files that workers of a machine wait at, or that say when something was used."""
    paths = folder.rglob("*") if folder.exists() else ()
    return sorted(
        path.relative_to(folder).as_posix()
        for path in paths
        if path.is_file() and path.suffix not in (".lock", ".fetched")
    )


class Processor:
    name = "worker"
    device_name = "Test processor"
    torch_device = "cpu"


def shard_on_another_machine(machine: WebMachine) -> tuple[Classifier, Dataset]:
    """A waiting shard of Shapes and its network, registered where only the first machine has them."""
    builtin = builtin_classifier("shapes_cnn")
    classifier = factories.classifier(
        library="saliscope",
        architecture="shapes_cnn",
        preprocessing=builtin.preprocessing.to_dict(),
        weights_sha256=SHA256,
        description={"layers": [], "default_layer": builtin.default_layer, "family": "cnn"},
    )
    opened = open_dataset("shapes", machine.shapes)
    fields = row_fields(opened, machine.shapes)
    dataset = factories.dataset(
        **fields | {"pk": SHAPES, "format": "shapes", "path": "/only/on/the/first/shapes"}
    )
    benchmark = factories.running_benchmark(
        images=3,
        per_shard=3,
        classifier=classifier,
        dataset=dataset,
        experiments=[{"key": "sparsity", "protocol": "gini@1"}],
    )
    benchmark.specification["classifier"]["weights_sha256"] = SHA256
    benchmark.save(update_fields=["specification"])
    return classifier, dataset


def run_next_shard() -> Any:
    Shard.objects.update(state=Shard.State.WAITING)
    claim = claim_shard(factories.node())
    columns, _batch = run_shard(Processor(), claim, ShardWatch(claim, stop_requested=lambda: False))
    return columns[0]


def test_a_worker_without_files_runs_a_shard(served: WebMachine, second: Path, settings: Any) -> None:
    shard_on_another_machine(served)
    with pytest.raises(MachineFault, match=r"are not in .* set SALISCOPE_WEB_URL"):
        run_next_shard()
    settings.WEB_URL = served.url
    columns = run_next_shard()
    assert len(columns) == 3
    assert not columns.failures
    assert files_below(second / "weights") == [f"{SHA256}.safetensors"]
    assert sha256_of(second / "weights" / f"{SHA256}.safetensors") == SHA256
    (place,) = (path for path in (second / "datasets" / "fetched").iterdir() if path.is_dir())
    sent = {name: (served.shapes / name).read_bytes() for name in files_below(served.shapes)}
    assert {name: (place / "files" / name).read_bytes() for name in files_below(place / "files")} == sent
    # What is here is not asked for again, by no process: nobody listens at this address.
    for kept in (resources._classifiers, resources._datasets, resources._labels):
        kept.clear()
    settings.WEB_URL = "http://127.0.0.1:9"
    again = run_next_shard()
    assert again.scalars["gini"].tolist() == columns.scalars["gini"].tolist()


def test_another_token_is_refused_and_none_finds_nothing(
    served: WebMachine, machine: WebMachine, second: Path, settings: Any
) -> None:
    settings.WEB_URL = served.url
    settings.WORKER_TOKEN = TOKEN.replace("twenty", "thirty")
    with pytest.raises(CannotFetch, match="answered 403: This is not the token of the web application"):
        stored_weights(SHA256)
    with pytest.raises(CannotFetch, match="answered 403"):
        fetch_dataset(SHAPES, "shapes", "ab" * 32)
    address = f"{served.url}/worker-files/weights/{SHA256}.safetensors"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address)
    assert files_below(second) == []


def test_a_web_application_without_a_token_hands_out_nothing(
    machine: WebMachine, second: Path, settings: Any
) -> None:
    before = machine.url
    process = machine.start(SALISCOPE_WORKER_TOKEN="")
    try:
        settings.WEB_URL = machine.url
        with pytest.raises(WeightsError, match="answered 404: The web application hands out no files"):
            stored_weights(SHA256)
    finally:
        process.kill()
        process.wait()
        machine.url = before


def test_a_shard_whose_files_cannot_be_fetched_costs_no_attempt_and_the_worker_rests(
    machine: WebMachine, second: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_on_another_machine(machine)
    settings.WEB_URL = f"http://127.0.0.1:{free_port()}"  # Nobody listens there: the web server starts anew.
    monkeypatch.setenv("SALISCOPE_WORKER_NAME", "worker of the second machine")
    node = Node("benchmark", "cpu")
    node._register()
    with capture_logs() as told:
        run_claim(node, claim_shard(node.row))
    (line,) = (line for line in told if line["event"] == "files_not_fetched")
    assert "Connection refused" in line["problem"]
    assert list(Shard.objects.values_list("state", "attempt", "problem")) == [("waiting", 0, "")]
    assert claim_shard(node.row) is None
    (shown,) = workers_at_work(Benchmark.objects.get().owner)
    (trouble,) = shown.troubles
    assert "Connection refused" in trouble.reason
    assert [each.reason for each in workers_at_work(factories.member())[0].troubles] == [""]
    # However often: it is not this machine that must be mended. Half a minute later it tries again.
    assert WorkerTrouble.objects.get().failures == 0
    left = WorkerTrouble.objects.annotate(now=Now()).values_list("not_before", "now").get()
    assert (left[0] - left[1]).total_seconds() == pytest.approx(REST_SECONDS, abs=5)
    WorkerTrouble.objects.update(not_before=Now())
    assert claim_shard(node.row) is not None


def test_damaged_weights_are_not_kept(served: WebMachine, second: Path, settings: Any) -> None:
    settings.WEB_URL = served.url
    content = served.weights.read_bytes()
    served.weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(WeightsError, match="has another SHA-256"):
            stored_weights(SHA256)
    finally:
        served.weights.write_bytes(content)
    assert files_below(second) == []
    with pytest.raises(WeightsError, match="does not have these weights either"):
        fetch_weights(settings.WEIGHTS_DIR / f"{'ab' * 32}.safetensors")


def test_a_data_set_that_changed_on_the_first_machine_is_refused(
    served: WebMachine, second: Path, settings: Any
) -> None:
    settings.WEB_URL = served.url
    folder = served.plain
    fingerprint = open_dataset("image-folder", folder).fingerprint()
    one = folder / "class 0" / "0.png"
    content = one.read_bytes()
    one.write_bytes(content + b"more")
    try:
        with pytest.raises(DatasetError, match="are not those that were registered"):
            dataset_here(PLAIN, "image-folder", "/only/on/the/first/plain", fingerprint)
    finally:
        one.write_bytes(content)
    assert files_below(second) == []
    with pytest.raises(DatasetError, match="no data set with this fingerprint"):
        fetch_dataset(PLAIN, "image-folder", "ab" * 32)
    assert len(dataset_here(PLAIN, "image-folder", "/only/on/the/first/plain", fingerprint)) == 6


def test_a_members_data_set_is_never_sent_in_the_place_of_anothers(
    client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.WORKER_TOKEN = TOKEN
    rows = []
    for number, colour in enumerate(((255, 0, 0), (0, 0, 255), (0, 255, 0))):
        folder = tmp_path / f"{number}" / "cat"
        folder.mkdir(parents=True)
        # Not compressed, so that all have the same size.
        Image.new("RGB", (8, 8), colour).save(folder / "1.png", compress_level=0)
        fields = row_fields(open_dataset("image-folder", folder.parent), folder.parent)
        owner = factories.member() if number < 2 else None
        rows.append(
            factories.dataset(
                **fields | {"format": "image-folder", "path": str(folder.parent), "owner": owner}
            )
        )
    (fingerprint,) = {row.fingerprint for row in rows}

    def sent(number: int) -> Any:
        address = f"/worker-files/datasets/{number}/image-folder/{fingerprint}.tar"
        answer = client.get(address, headers={"Authorization": f"Bearer {TOKEN}"})
        if answer.status_code == 404:
            return answer.content.decode()
        with tarfile.open(fileobj=io.BytesIO(b"".join(answer.streaming_content))) as tar:
            return Image.open(tar.extractfile("cat/1.png")).getpixel((0, 0))

    assert [sent(row.pk) for row in rows] == [(255, 0, 0), (0, 0, 255), (0, 255, 0)]
    # What is gone may be one of the lab's, and is nobody else's.
    gone = rows[-1].pk + 1
    assert sent(gone) == (0, 255, 0)
    rows[-1].delete()
    assert sent(gone) == "The web application has no data set with this fingerprint."


def test_a_folder_below_the_machines_own_roots_is_found_by_its_fingerprint(
    machine: WebMachine, second: Path, settings: Any
) -> None:
    fingerprint = open_dataset("image-folder", machine.plain).fingerprint()
    other, same = second / "b" / "plain", second / "a" / "photographs" / "plain"
    other.mkdir(parents=True)
    shutil.copy(next((machine.plain / "class 0").iterdir()), other)
    settings.DATASET_ROOTS = (second / "b", second / "a")
    with pytest.raises(DatasetError, match="does not exist"):
        dataset_here(PLAIN, "image-folder", "/srv/photographs/plain", fingerprint)
    shutil.copytree(machine.plain, same)
    found = dataset_here(PLAIN, "image-folder", "/srv/photographs/plain", fingerprint)
    assert found.sample(0).path.parent.parent == same


def tar_of(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(info, io.BytesIO(content))
    file.seek(0)
    return file


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped"])
def test_no_file_of_a_tar_leads_out_of_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="leads out of its folder"):
        unpack(tar_of((name, b"x")), tmp_path / "in" / "side")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_of_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(DatasetError, match="no plain file"):
        unpack(tar_of(("link", b""), kind=kind), tmp_path / "inside")


def test_a_tar_that_ends_early_is_an_error(tmp_path: Path) -> None:
    whole = tar_of(("image.png", bytes(100_000))).getvalue()
    with pytest.raises((tarfile.TarError, OSError)):
        unpack(io.BytesIO(whole[:50_000]), tmp_path / "inside")


def test_long_and_foreign_names_come_through(tmp_path: Path) -> None:
    folder = tmp_path / "from"
    names = [f"猫/{'long' * 40}.png", "eins.png"]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / "docs/shapes.png", folder / name)
        (folder / name).with_suffix(".txt").write_bytes(bytes(512 * number))
    dataset = open_dataset("image-folder", folder)
    row = Dataset(format="image-folder", path=str(folder), fingerprint=dataset.fingerprint())
    archive = archive_of(row)
    pieces = list(archive.pieces())
    assert all(pieces)
    assert archive.size == len(b"".join(pieces))
    unpack(io.BytesIO(b"".join(pieces)), tmp_path / "to")
    assert files_below(tmp_path / "to") == sorted(names)
    assert open_dataset("image-folder", tmp_path / "to").fingerprint() == row.fingerprint


def test_a_list_names_the_data_set_above_it(tmp_path: Path) -> None:
    year = tmp_path / "VOC2012"
    for name in ("JPEGImages/1.jpg", "JPEGImages/2.jpg"):
        (year / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (10, 8)).save(year / name)
    write_xml(year, "1", [box("dog", 1, 1, 5, 5)])
    chosen = write_set(year, "chosen", ["1"], "Segmentation")
    dataset = open_dataset("voc", chosen)
    archive = archive_of(Dataset(format="voc", path=str(chosen), fingerprint=dataset.fingerprint()))
    unpack(io.BytesIO(b"".join(archive.pieces())), tmp_path / "to")
    entry = "ImageSets/Segmentation/chosen.txt"
    assert (archive.entry, files_below(tmp_path / "to")) == (
        entry,
        ["Annotations/1.xml", entry, "JPEGImages/1.jpg"],
    )
    assert open_dataset("voc", tmp_path / "to" / entry).fingerprint() == dataset.fingerprint()


def test_a_file_that_changes_while_it_is_sent_breaks_the_tar_off(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "one.png")
    fingerprint = open_dataset("image-folder", tmp_path).fingerprint()
    archive = archive_of(Dataset(format="image-folder", path=str(tmp_path), fingerprint=fingerprint))
    (tmp_path / "one.png").write_bytes(b"shorter")
    with pytest.raises(OSError, match=r"one\.png changed while the data set was sent"):
        list(archive.pieces())


# --- room ----------------------------------------------------------------------------------------------------


def fetched_before(second: Path, name: str, size: int, hours: float) -> Path:
    """A data set that lies here already and was used so long ago."""
    place = second / "datasets" / "fetched" / name
    (place / "files").mkdir(parents=True)
    (place / "files" / "one.png").write_bytes(bytes(size))
    (place / "entry").write_text("")
    moment = time.time() - hours * 3600
    os.utime(place / "entry", (moment, moment))
    return place


def weights_before(second: Path, sha256: str, size: int, hours: float, *, fetched: bool = True) -> Path:
    path = second / "weights" / f"{sha256}.onnx"
    path.parent.mkdir(exist_ok=True)
    for each in (path, path.with_name(f"{sha256}.network-1.safetensors")):
        each.write_bytes(bytes(size // 2))
    if fetched:
        mark_of(path).touch()
        os.utime(mark_of(path), (time.time() - hours * 3600,) * 2)
    return path


def test_only_the_data_set_is_sent_and_what_was_not_used_for_longest_goes(
    served: WebMachine, second: Path, settings: Any
) -> None:
    beside = served.plain / "model.pt"
    beside.write_bytes(bytes(100_000))
    settings.WEB_URL = served.url
    fingerprint = open_dataset("image-folder", served.plain).fingerprint()
    own = weights_before(second, "ff" * 32, 9000, 99, fetched=False)
    oldest = fetched_before(second, "voc-old", 6000, 5)
    weights = weights_before(second, "ee" * 32, 6000, 4)
    newest = fetched_before(second, "voc-new", 6000, 3)
    left = second / "datasets" / "fetched" / ".coco-killed.part"
    left.mkdir()
    settings.FETCHED_BYTES = 18_000
    try:
        found = fetch_dataset(PLAIN, "image-folder", fingerprint)
    finally:
        beside.unlink()
    assert files_below(found) == [f"class {number % 2}/{number}.png" for number in (0, 2, 4, 1, 3, 5)]
    assert (oldest.exists(), newest.exists(), own.exists(), left.exists()) == (False, True, True, False)
    # It takes some ten thousand bytes as a tar: the second one had to go as well, and its plain form.
    assert list((second / "weights").glob(f"*{'ee' * 32}*")) == []
    assert not weights.exists()


def test_what_benchmarks_in_work_need_stays_and_the_shard_is_given_back(
    served: WebMachine, second: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard_on_another_machine(served)
    other = factories.dataset(format="voc", fingerprint="cd" * 32, path="/only/on/the/first/voc")
    waiting = factories.queued_benchmark(dataset=other)
    needed = fetched_before(second, f"voc-{other.pk}-{'cd' * 32}", 60_000, 9)
    just_used = fetched_before(second, "voc-just", 60_000, 0)
    settings.WEB_URL = served.url
    monkeypatch.setenv("SALISCOPE_WORKER_NAME", "worker of the second machine")
    node = Node("benchmark", "cpu")
    node._register()
    reason = (
        "There is no room for the weights 30d815b7fb73… (0.5 MiB): this machine keeps at most 0.1 MiB of fetched "
        "files, and benchmarks in work need 0.1 MiB of them. Raise SALISCOPE_FETCHED_BYTES"
    )
    settings.FETCHED_BYTES = 100_000
    with capture_logs() as told:
        run_claim(node, claim_shard(node.row))
    (line,) = (line for line in told if line["event"] == "files_not_fetched")
    assert line["problem"].startswith(reason)
    assert list(Shard.objects.values_list("state", "attempt")) == [("waiting", 0)]
    assert (needed.exists(), just_used.exists()) == (True, True)
    assert files_below(second / "weights") == []
    # When the other one is over, what it needed may go.
    waiting.delete()
    os.utime(just_used / "entry", (time.time() - 3600,) * 2)
    settings.FETCHED_BYTES = WEIGHTS.stat().st_size + 80_000
    stored_weights(SHA256)
    assert (needed.exists(), just_used.exists()) == (False, True)


def test_the_disk_is_not_filled(served: WebMachine, second: Path, settings: Any) -> None:
    settings.WEB_URL = served.url
    old = fetched_before(second, "voc-old", 3000, 5)
    settings.FETCHED_FREE_BYTES = shutil.disk_usage(second).total
    with pytest.raises(
        CannotFetch, match=r"are to stay free \(SALISCOPE_FETCHED_FREE_BYTES\). Make room there"
    ):
        fetch_dataset(SHAPES, "shapes", open_dataset("shapes", served.shapes).fingerprint())
    assert old.exists()
    assert files_below(second / "datasets" / "fetched") == ["voc-old/entry", "voc-old/files/one.png"]


def test_a_data_set_that_was_removed_while_it_was_open_is_fetched_again(
    served: WebMachine, second: Path, settings: Any
) -> None:
    shard_on_another_machine(served)
    settings.WEB_URL = served.url
    first = run_next_shard()
    (place,) = (second / "datasets" / "fetched").glob("shapes-*")
    shutil.rmtree(place)
    again = run_next_shard()
    assert place.is_dir()
    assert again.scalars["gini"].tolist() == first.scalars["gini"].tolist()


def test_a_fetch_that_takes_too_long_is_given_up_with_nothing_left(
    served: WebMachine, second: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEB_URL = served.url
    monkeypatch.setattr(fetching, "MOST_SECONDS", -1.0)
    with pytest.raises(CannotFetch, match="took more than"):
        stored_weights(SHA256)
    with pytest.raises(CannotFetch, match="copy the file or folder to this machine"):
        fetch_dataset(SHAPES, "shapes", open_dataset("shapes", served.shapes).fingerprint())
    assert files_below(second) == []


def test_a_worker_that_waits_for_its_turn_can_be_stopped(
    second: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.WEB_URL = "http://127.0.0.1:9"
    with fetching._one_at_a_time():
        monkeypatch.setattr(stopping, "requested", lambda: True)
        with pytest.raises(Interrupted):
            fetch_weights(settings.WEIGHTS_DIR / f"{SHA256}.safetensors")
