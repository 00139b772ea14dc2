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
from PIL import Image

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.shapes import write_shapes
from saliency_core.errors import DatasetError, WeightsError
from tests.application import free_port
from tests.conftest import REPOSITORY
from tests.web import factories
from webapp.benchmarks.models import Shard
from webapp.library.dataset_looks import row_fields
from webapp.library.models import Classifier, Dataset
from webapp.worker_files.dataset_archives import archive_of
from workers import resources
from workers.benchmarking import run_shard
from workers.claiming import claim_shard
from workers.dataset_places import dataset_here
from workers.fetching import fetch_dataset, fetch_weights, unpack
from workers.parent_death import die_with_parent
from workers.progress import ShardWatch
from workers.resources import stored_weights

pytestmark = pytest.mark.django_db

TOKEN = "a token of more than twenty characters"
WEIGHTS = REPOSITORY / "saliency_core/classifiers/shapes_weights/shapes_cnn.safetensors"
SHA256 = sha256_of(WEIGHTS)
START_SECONDS = 60.0


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
    """All but the empty files that workers of a machine wait at."""
    paths = folder.rglob("*") if folder.exists() else ()
    return sorted(
        path.relative_to(folder).as_posix() for path in paths if path.is_file() and path.suffix != ".lock"
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
    dataset = factories.dataset(**fields | {"format": "shapes", "path": "/only/on/the/first/shapes"})
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
    with pytest.raises(WeightsError, match=r"are not in .* set SALISCOPE_WEB_URL"):
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
    with pytest.raises(WeightsError, match="answered 403: This is not the token of the web application"):
        stored_weights(SHA256)
    with pytest.raises(DatasetError, match="answered 403"):
        fetch_dataset("shapes", "ab" * 32)
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
            dataset_here("image-folder", "/only/on/the/first/plain", fingerprint)
    finally:
        one.write_bytes(content)
    assert files_below(second) == []
    with pytest.raises(DatasetError, match="no data set with this fingerprint"):
        fetch_dataset("image-folder", "ab" * 32)
    assert len(dataset_here("image-folder", "/only/on/the/first/plain", fingerprint)) == 6


def test_a_folder_below_the_machines_own_roots_is_found_by_its_fingerprint(
    machine: WebMachine, second: Path, settings: Any
) -> None:
    fingerprint = open_dataset("image-folder", machine.plain).fingerprint()
    other, same = second / "b" / "plain", second / "a" / "photographs" / "plain"
    other.mkdir(parents=True)
    shutil.copy(next((machine.plain / "class 0").iterdir()), other)
    settings.DATASET_ROOTS = (second / "b", second / "a")
    with pytest.raises(DatasetError, match="does not exist"):
        dataset_here("image-folder", "/srv/photographs/plain", fingerprint)
    shutil.copytree(machine.plain, same)
    found = dataset_here("image-folder", "/srv/photographs/plain", fingerprint)
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
    unpack(io.BytesIO(b"".join(pieces)), tmp_path / "to")
    assert files_below(tmp_path / "to") == files_below(folder)
    assert open_dataset("image-folder", tmp_path / "to").fingerprint() == row.fingerprint
