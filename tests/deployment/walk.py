"""A member's way through a deployed installation behind its proxy, in Chromium over HTTPS.

    python -m tests.deployment.walk https://saliscope.test:8443 --web 127.0.0.1:8000 --most-bytes 33554432

The name in the address is resolved to this machine. `--web` is the web server behind the proxy. Exit status 0 if all
is as it should be; each step is one printed line.
"""

from __future__ import annotations

import argparse
import csv
import http.client
import re
import secrets
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.screenshots import CHROMIUM_OPTIONS

PASSWORD = secrets.token_urlsafe(16)
WAIT = 600_000  # the machine may be busy
CLIENT, OTHER_CLIENT = "127.0.0.9", "127.0.0.10"
BENCHMARK = "/benchmarks/new/?method=grad_cam&experiment=average_drop&number_of_images=3"


@contextmanager
def step(name: str) -> Iterator[None]:
    begin = time.monotonic()
    print(f"{name} …", end=" ", flush=True)
    yield
    print(f"well ({time.monotonic() - begin:.1f} s)", flush=True)


def sign_up_out_and_in(page: Page, name: str) -> None:
    page.goto("/sign-up/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.fill("#id_password_again", PASSWORD)
    page.get_by_role("button", name="Create the account").click()
    expect(page.get_by_role("status").first).to_contain_text("Your account number is")
    page.get_by_role("button", name="Sign out").last.click()
    page.goto("/sign-in/")
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.click("main button.button-primary")
    expect(page.get_by_role("link", name="Studio").first).to_be_visible()


def headers_and_cookies(page: Page, context: BrowserContext) -> None:
    answer = page.goto("/benchmarks/")
    headers = answer.headers
    assert "unsafe" not in headers["content-security-policy"], headers
    assert headers["strict-transport-security"].startswith("max-age="), headers
    assert headers["x-frame-options"] == "DENY"
    for cookie in context.cookies():
        if cookie["name"] in ("sessionid", "csrftoken"):
            assert cookie["secure"], cookie
            assert cookie["sameSite"] == "Lax", cookie
    sheet = page.locator("link[rel=stylesheet]").first.get_attribute("href")
    status, found = _ask(_proxy(page.url), "GET", sheet, {"Accept-Encoding": "gzip"})
    assert (status, found["Content-Encoding"]) == (200, "gzip"), found.items()
    assert "immutable" in found["Cache-Control"], found.items()


def benchmark_watched_live(page: Page) -> int:
    """Queues it by the form; from then on only the socket moves the page. Its number."""
    sockets: list[str] = []
    frames: list[str] = []

    def note(socket) -> None:  # type: ignore[no-untyped-def]
        sockets.append(socket.url)
        if "/benchmarks/" in socket.url:
            socket.on("framereceived", lambda frame: frames.append(frame))

    page.on("websocket", note)
    page.goto(BENCHMARK)
    page.get_by_label("Data set").select_option(label="Sample photographs")
    page.get_by_label("Name of the benchmark").fill("Behind the proxy")
    page.get_by_role("button", name="Queue the benchmark").last.click()
    page.wait_for_url(re.compile(r"/benchmarks/\d+/$"))
    page.evaluate("window.neverReloaded = true")
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=WAIT)
    assert page.evaluate("window.neverReloaded") is True
    expect(page.locator("#benchmark-figures tbody tr").first).to_be_visible()
    assert sockets, "no socket was opened"
    assert all(address.startswith("wss://") for address in sockets), sockets
    assert len(frames) >= 3, frames
    return int(re.search(r"/benchmarks/(\d+)/", page.url)[1])


def download_of_the_images(page: Page, folder: Path) -> None:
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    download.value.save_as(folder / "images.csv")
    with (folder / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["status"] for row in rows] == ["done"] * 3, rows


def map_in_the_studio(page: Page) -> None:
    page.goto("/studio/?method=grad_cam")
    page.get_by_role("combobox", name="Model").select_option(label="EfficientNet-Lite0")
    page.wait_for_url("**model=**")
    page.locator(".thumbnails a").first.click()
    expect(page.locator(".top-classes a")).to_have_count(5, timeout=WAIT)
    page.get_by_role("button", name="Generate").click()
    page.wait_for_url("**/studio/**model=**")
    expect(page.locator(".pane-map canvas:not([hidden])")).to_have_count(1, timeout=WAIT)


def model_files(page: Page, folder: Path) -> None:
    """One of weights and one ONNX file: both are opened by the sandbox."""
    from tests.core.classifiers.onnx_networks import SIZE, export, small_cnn
    from tests.system.pages.test_model_pages import squeezenet

    page.goto("/models/import/")
    page.fill("#id_name", "My network")
    page.select_option("#id_library", "onnx")
    page.set_input_files("#id_weights", export(small_cnn(), folder / "small.onnx"))
    page.fill("#id_size", str(SIZE))
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".model-state")).to_contain_text("Ready", timeout=WAIT)
    page.goto("/models/import/")
    page.fill("#id_name", "Squeezed")
    page.locator("#id_architecture").press_sequentially("squeeze 1_1", delay=20)
    page.get_by_role("button", name=re.compile("^squeezenet1_1 torchvision")).click()
    page.set_input_files("#id_weights", squeezenet(folder))
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".model-state")).to_contain_text("Ready", timeout=WAIT)


def refusals(browser: Browser, context: BrowserContext, base: str, folder: Path, most: int) -> None:
    """In pages that are not watched: Chromium writes answers of 404 and 413 to the console as errors."""
    kept_by = context.storage_state()
    big = folder / "big.onnx"
    with big.open("wb") as file:
        file.truncate(most + 1)
    for scripts in (True, False):
        with _context(browser, base, storage_state=kept_by, java_script_enabled=scripts) as other:
            page = other.new_page()
            assert page.goto("/benchmarks/999999999/").status == 404
            expect(page.locator("main")).to_contain_text("Nothing is here")
            page.goto("/models/import/")
            page.fill("#id_name", "Too big")
            page.select_option("#id_library", "onnx")
            page.set_input_files("#id_weights", big)
            if scripts:  # nothing is sent
                page.get_by_role("button", name="Import").click()
                expect(page.locator("#upload-problem")).to_be_visible()
                continue
            with page.expect_response(lambda answer: answer.request.method == "POST") as sent:
                page.get_by_role("button", name="Import").click()
            assert sent.value.status == 413, sent.value.status
            expect(page.locator("main")).to_contain_text(f"at most {most // 2**20} MiB are taken")
    # Without a length announced it is counted as it comes.
    cookies = {cookie["name"]: cookie["value"] for cookie in context.cookies()}
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "X-CSRFToken": cookies["csrftoken"],
        "Referer": base,
        "Content-Type": "multipart/form-data; boundary=b",
    }
    pieces = (b"x" * 2**20 for _ in range(most // 2**20 + 8))
    status, _ = _ask(_proxy(base), "POST", "/models/import/", headers, pieces)
    assert status == 413, status


def address_of_the_client(base: str, web: str, member: str) -> None:
    """Sign-ins are counted by the client's address: through the proxy, past it, and whatever a header claims."""
    claims = {"X-Forwarded-For": "10.9.9.9", "X-Real-IP": "10.9.9.9", "Forwarded": "for=10.9.9.9"}
    secure = {"X-Forwarded-Proto": "https", "Host": urlsplit(base).netloc}
    statuses = [
        _sign_in(_proxy(base), base, member, {**claims, "X-Forwarded-For": f"10.9.9.{n}"}) for n in range(11)
    ]
    assert statuses[-1] == 429, statuses
    assert 429 not in statuses[:9], statuses
    # The same password from another address is right.
    assert _sign_in(_proxy(base), base, member, {}, OTHER_CLIENT, PASSWORD) == 302
    # Past the proxy, from an address that is not its own, headers are not believed either.
    assert _sign_in(_direct(web), base, member, {**claims, **secure}) == 429
    asked = [
        _ask(_proxy(base), "GET", "/api/v1/me", {"X-Forwarded-For": f"10.9.9.{n}"})[0] for n in range(62)
    ]
    assert (asked[0], asked[-1]) == (401, 429), asked
    assert _ask(_proxy(base), "GET", "/api/v1/me", {}, source=OTHER_CLIENT)[0] == 401


def foreign_origins_and_hosts(base: str) -> None:
    socket = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==",
    }  # fmt: skip
    assert _ask(_proxy(base), "GET", "/ws/member/", {**socket, "Origin": base})[0] == 101
    assert _ask(_proxy(base), "GET", "/ws/member/", {**socket, "Origin": "https://evil.example"})[0] == 403
    assert _ask(_proxy(base), "GET", "/sign-in/", {"Host": "evil.example"})[0] == 400


def _sign_in(
    place: http.client.HTTPConnection, base: str, name: str, more: dict[str, str], source: str = CLIENT,
    password: str = "wrong",  # noqa: S107  # it is meant to be
) -> int:  # fmt: skip
    status, headers = _ask(place, "GET", "/sign-in/", more, source=source)
    assert status == 200, status
    token = re.search(r"csrftoken=(\w+)", headers["Set-Cookie"])[1]
    body = urlencode({"username": name, "password": password, "csrfmiddlewaretoken": token})
    form = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={token}",
        "Referer": f"{base}/",
    }
    return _ask(place, "POST", "/sign-in/", {**form, **more}, body, source=source)[0]


def _proxy(base: str) -> http.client.HTTPConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it signs itself
    connection = http.client.HTTPSConnection("127.0.0.1", urlsplit(base).port, timeout=60, context=context)
    connection.host_header = urlsplit(base).netloc  # type: ignore[attr-defined]
    return connection


def _direct(web: str) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(web, timeout=60)


def _ask(
    place: http.client.HTTPConnection, method: str, path: str, headers: dict[str, str],
    body: object = None, *, source: str = CLIENT,
) -> tuple[int, http.client.HTTPMessage]:  # fmt: skip
    place.close()
    place.source_address = (source, 0)  # type: ignore[attr-defined]
    named = {"Host": place.host_header} if hasattr(place, "host_header") else {}
    place.request(method, path, body, {**named, **headers})  # type: ignore[arg-type]
    answer = place.getresponse()
    found = answer.status, answer.headers
    place.close()
    return found


@contextmanager
def _context(browser: Browser, base: str, **more: object) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=base, ignore_https_errors=True, **more)  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    yield context
    context.close()


def walk(base: str, web: str, most: int, folder: Path) -> None:
    member = f"member-{secrets.token_hex(4)}"
    host = urlsplit(base).hostname
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=[*CHROMIUM_OPTIONS, f"--host-resolver-rules=MAP {host} 127.0.0.1"],
        )
        with _context(browser, base) as context:
            page = context.new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
            with step("sign up, out and in"):
                sign_up_out_and_in(page, member)
            with step("headers, cookies, static files"):
                headers_and_cookies(page, context)
            with step("404 and 413"):
                refusals(browser, context, base, folder, most)
            with step("other origins and hosts"):
                foreign_origins_and_hosts(base)
            with step("the client's address"):
                address_of_the_client(base, web, member)
            with step("a benchmark, watched by its socket"):
                benchmark_watched_live(page)
            with step("its images as CSV"):
                download_of_the_images(page, folder)
            with step("a map in the studio"):
                map_in_the_studio(page)
            with step("two model files"):
                model_files(page, folder)
        browser.close()
    with step("nothing in the console"):
        assert complaints == [], complaints


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", help="such as https://saliscope.test:8443")
    parser.add_argument("--web", required=True, help="HOST:PORT of the web server behind the proxy")
    parser.add_argument("--most-bytes", type=int, required=True, help="its SALISCOPE_MAX_UPLOAD_BYTES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        walk(options.base, options.web, options.most_bytes, Path(folder))


if __name__ == "__main__":
    main()
