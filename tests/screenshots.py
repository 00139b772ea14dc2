"""Pictures of every page, wide and narrow, light and dark, English and Chinese.

    python -m tests.screenshots [FOLDER] [--variants 1280-light-en,390-dark-zh] [--only studio,models]

Starts the application on a state folder of its own, fills it, and writes small PNGs with an index of them.
"""

from __future__ import annotations

import argparse
import io
import re
import secrets
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

if TYPE_CHECKING:
    from tests.application import Application

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
REPOSITORY = Path(__file__).resolve().parents[1]
WIDTHS = {1280: 800, 390: 844}
VARIANTS = [
    f"{width}-{theme}-{language}"
    for width, theme, language in product(WIDTHS, ("light", "dark"), ("en", "zh"))
]
LANGUAGES = {"en": "en", "zh": "zh-hans"}
MOST_HEIGHT = 1600
# Wide pages are kept at this width: all pictures together are to stay small.
KEPT_WIDTH = 760
COLOURS = 96


def sign_in(page: Page, base: str, user: str, password: str) -> None:
    page.goto(f"{base}/sign-in/")
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    page.click("main button.button-primary")
    page.wait_for_url(f"{base}/")


def sign_up(page: Page, base: str) -> str:
    password = secrets.token_urlsafe(12)
    page.goto(f"{base}/sign-up/")
    name = f"hopper-{secrets.token_hex(2)}"
    page.fill("#id_username", name)
    page.fill("#id_password", password)
    page.fill("#id_password_again", password)
    page.click("main button.button-primary")
    page.wait_for_url("**/account/")
    return name


# What a page does to be refused: a form with more in it than is taken.
TOO_MUCH = """() => {
  const form = Object.assign(document.createElement("form"), { method: "post" });
  for (let number = 0; number < 2100; number += 1) {
    form.append(Object.assign(document.createElement("input"), { name: `field-${number}`, value: "x" }));
  }
  document.body.append(form);
  form.submit();
}"""
BROKEN = """
from django.test import RequestFactory
from webapp.error_pages import server_error
request = RequestFactory().get("/")
request.COOKIES |= {!r}
print(server_error(request).content.decode())
"""


# Bars that keep to the window's lower edge would lie across a picture of the whole page.
STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".studio-submit, .settings-submit { position: static !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
# Pictures that are fetched when they come into sight, down to where the screenshot ends.
SHOW_PICTURES = """async (height) => {
  for (const picture of document.images) picture.loading = "eager";
  for (let top = 0; top < height; top += innerHeight) {
    scrollTo(0, top);
    await new Promise((done) => setTimeout(done, 60));
  }
  scrollTo(0, 0);
  const shown = [...document.images].filter((each) => each.getBoundingClientRect().top < height);
  const loaded = shown.map((each) => each.complete || new Promise((done) => {
    each.onload = each.onerror = done;
  }));
  await Promise.race([Promise.all(loaded), new Promise((done) => setTimeout(done, 5000))]);
}"""
# On a phone what these pages are about is below the choices.
BELOW = {"maps": "#maps", "cut-outs": "#maps"}


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def members_pages(rows: dict[str, str]) -> dict[str, str]:
    """Addresses by name; what a worker is at comes first, while it still is."""
    from tests.system.pages.page_table import MEMBERS

    first = {"running benchmark": "/benchmarks/{running}/", "benchmarks": "", "start": "", "workers": ""}
    tables = {name: address or MEMBERS[name] for name, address in first.items()} | MEMBERS
    tables["maps"], tables["cut-outs"] = "/studio/{studio}", "/studio/cut-outs/{studio}"
    # Members are refused there.
    tables["error 403"], tables["error 413"], tables["error 500"] = "/admin/login/", "/help/", "/error-500/"
    tables["comparison"] = "/benchmarks/compare/?benchmark={benchmark}&benchmark={other}"
    return {name: address.format_map(rows) for name, address in tables.items()}


def take(
    browser: Browser,
    base: str,
    addresses: dict[str, str],
    folder: Path,
    variant: str,
    state: object,
    broken: Callable[[dict[str, str]], str],
) -> None:
    width, theme, language = variant.split("-")
    context = browser.new_context(
        viewport={"width": int(width), "height": WIDTHS[int(width)]},
        storage_state=state,
    )
    cookies = {"theme": theme, "django_language": LANGUAGES[language]}
    context.add_cookies([{"name": name, "value": value, "url": base} for name, value in cookies.items()])
    page = context.new_page()
    # A fault of the application's own can't be had for the asking: its page is what the server would send.
    page.route(
        "**/error-500/",
        lambda route: route.fulfill(body=broken(cookies), content_type="text/html"),
    )
    page.on("pageerror", lambda error: print(variant, page.url, error))
    for name, address in addresses.items():
        page.goto(base + address)
        if name == "error 413":
            with page.expect_navigation():
                page.evaluate(TOO_MUCH)
        page.wait_for_timeout(700 if name in ("maps", "cut-outs", "comparison", "benchmark", "API") else 60)
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if overflow > 0:
            print(f"{variant} {address} is {overflow} px wider than the window")
        keep(
            picture_of(page, int(width), BELOW.get(name, "") if width == "390" else ""),
            folder / f"{slug(name)}-{variant}.png",
        )
    context.close()


def picture_of(page: Page, width: int, below: str) -> bytes:
    """The page from its top, or from an element, down to where it ends or is cut off."""
    page.evaluate(STILL)
    top = max(0, page.locator(below).bounding_box()["y"] - 12) if below else 0
    height = min(MOST_HEIGHT, page.evaluate("document.documentElement.scrollHeight") - top)
    page.evaluate(SHOW_PICTURES, top + height)
    return page.screenshot(full_page=True, clip={"x": 0, "y": top, "width": width, "height": height})


def keep(shot: bytes, path: Path) -> None:
    """Writes the picture with few colours, and wide ones smaller."""
    with Image.open(io.BytesIO(shot)) as opened:
        picture = opened.convert("RGB")
    if picture.width > KEPT_WIDTH:
        picture = picture.resize(
            (KEPT_WIDTH, round(picture.height * KEPT_WIDTH / picture.width)), Image.Resampling.LANCZOS
        )
    # The octree keeps rare colours, such as those of thin lines; median cut would give them to the large surfaces.
    picture.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def write_index(folder: Path) -> None:
    """A page of links, a line for each page of the application."""
    names = {path.name[: -len(f"-{VARIANTS[0]}.png")] for path in folder.glob(f"*-{VARIANTS[0]}.png")}
    lines = [
        "# Screenshots",
        "",
        "Every page, made by `make screenshots`: 1280 and 390 pixels wide, light and dark, English and Chinese.",
        "Long pages are cut off.",
        "",
        f"| page | {' | '.join(VARIANTS)} |",
        f"| --- |{' --- |' * len(VARIANTS)}",
    ]
    for name in sorted(names):
        cells = [
            f"[picture]({name}-{variant}.png)" if (folder / f"{name}-{variant}.png").exists() else ""
            for variant in VARIANTS
        ]
        lines.append(f"| {name.replace('-', ' ')} | {' | '.join(cells)} |")
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def take_all(application: Application, options: argparse.Namespace) -> None:
    from tests.screenshot_content import fill
    from tests.system.pages.page_table import ADMINISTRATOR, ADMINISTRATORS, VISITORS

    base = application.base_url

    def broken(cookies: dict[str, str]) -> str:
        return application.shell(BROKEN.format(cookies))

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_OPTIONS)
        member = browser.new_context(base_url=base)
        page = member.new_page()
        sign_up(page, base)
        rows = fill(page)
        state = member.storage_state()
        member.clear_cookies()
        administrator = sign_up(page, base)
        application.shell(ADMINISTRATOR.format(administrator))
        state_of_administrator = member.storage_state()
        visitors = {f"visitor {name}": VISITORS[name] for name in ("home", "sign in", "sign up")}
        wanted = set(filter(None, options.only.split(",")))
        for variant in filter(None, options.variants.split(",")):
            for addresses, storage in (
                (members_pages(rows), state),
                (ADMINISTRATORS, state_of_administrator),
                (visitors, None),
            ):
                chosen = {name: at for name, at in addresses.items() if not wanted or slug(name) in wanted}
                take(browser, base, chosen, options.folder, variant, storage, broken)
        browser.close()


def main() -> None:
    from tests.application import installation

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=REPOSITORY / "docs" / "screenshots")
    parser.add_argument("--only", default="", help="names of pages, separated by commas")
    parser.add_argument("--variants", default=",".join(VARIANTS), help="such as 1280-light-en,390-dark-zh")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as state, installation(Path(state)) as application:
        application.start()
        take_all(application, options)
    write_index(options.folder)


if __name__ == "__main__":
    main()
