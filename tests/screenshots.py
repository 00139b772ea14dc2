"""Pictures of every page, wide and narrow, light and dark, English and Chinese.

    python tests/screenshots.py http://127.0.0.1:8000 FOLDER [--user NAME --password PASSWORD]

Without a user it signs up a new one. Pages that need a benchmark take the newest one of that user.
"""

from __future__ import annotations

import argparse
import re
import secrets
from itertools import product
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {1280: 800, 390: 844}
THEMES = ("light", "dark")
LANGUAGES = ("en", "zh-hans")
PUBLIC = {"home": "/", "sign-in": "/sign-in/", "sign-up": "/sign-up/"}
MEMBERS = {
    "start": "/",
    "studio": "/studio/",
    "cut-outs": "/studio/cut-outs/",
    "recent-maps": "/studio/history/",
    "benchmarks": "/benchmarks/",
    "new-benchmark": "/benchmarks/new/",
    "models": "/models/",
    "import": "/models/import/",
    "data-sets": "/data-sets/",
    "workers": "/workers/",
    "account": "/account/",
    "tokens": "/account/tokens/",
    "help": "/help/",
    "help-method": "/help/methods/msg_cam/",
    "help-experiment": "/help/experiments/insertion_deletion/",
    "glossary": "/help/glossary/",
    "keyboard": "/help/keyboard/",
    "not-found": "/benchmarks/999999999/",
}


def sign_in(page: Page, base: str, user: str, password: str) -> None:
    page.goto(f"{base}/sign-in/")
    page.fill("#id_username", user)
    page.fill("#id_password", password)
    page.click("main button.button-primary")
    page.wait_for_url(f"{base}/")


def sign_up(page: Page, base: str) -> None:
    password = secrets.token_urlsafe(12)
    page.goto(f"{base}/sign-up/")
    page.fill("#id_username", f"screens-{secrets.token_hex(3)}")
    page.fill("#id_password", password)
    page.fill("#id_password_again", password)
    page.click("main button.button-primary")
    page.wait_for_url("**/account/")


def pages_with_rows(page: Page, base: str) -> dict[str, str]:
    """Addresses of one model, one data set and the benchmarks of the list's first page, by what they show."""
    found: dict[str, str] = {}
    for name, address, pattern in (
        ("model", "/models/", r"/models/\d+/$"),
        ("data-set", "/data-sets/", r"/data-sets/\d+/$"),
    ):
        page.goto(base + address)
        links = [link.get_attribute("href") or "" for link in page.query_selector_all("main a")]
        fitting = [link for link in links if re.search(pattern, link)]
        if fitting:
            found[name] = fitting[0]
    if "model" in found:
        found["method-settings"] = f"{found['model']}settings/"
        found["method-settings-form"] = f"{found['model']}settings/msg_cam/"
    page.goto(f"{base}/benchmarks/")
    for row in page.query_selector_all("tbody tr"):
        state = row.query_selector(".state")
        link = row.query_selector("th a")
        if state and link:
            kind = (state.get_attribute("class") or "").rpartition("state-")[2]
            found.setdefault(f"benchmark-{kind}", link.get_attribute("href") or "")
    return found


def take(context: BrowserContext, base: str, addresses: dict[str, str], folder: Path, variant: str) -> None:
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and print(variant, page.url, message.text))
    page.on("pageerror", lambda error: print(variant, page.url, error))
    for name, address in addresses.items():
        page.goto(base + address)
        page.wait_for_timeout(900 if name.startswith("benchmark-") else 150)
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            print(f"{variant} {address} is {overflow} px wider than the window")
        page.screenshot(path=folder / f"{name}-{variant}.png", full_page=True)
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--only", default="", help="names of pages, separated by commas")
    parser.add_argument("--variants", default="", help="such as 1280-light-en,390-dark-zh; all if left out")
    options = parser.parse_args()
    base = options.base.rstrip("/")
    options.folder.mkdir(parents=True, exist_ok=True)
    wanted = set(filter(None, options.only.split(",")))
    variants = set(filter(None, options.variants.split(",")))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=CHROMIUM_OPTIONS)
        member = browser.new_context()
        page = member.new_page()
        if options.user:
            sign_in(page, base, options.user, options.password or "")
        else:
            sign_up(page, base)
        signed_in = MEMBERS | pages_with_rows(page, base)
        state = member.storage_state()
        for (width, height), theme, language in product(WIDTHS.items(), THEMES, LANGUAGES):
            variant = f"{width}-{theme}-{language[:2]}"
            if variants and variant not in variants:
                continue
            for addresses, storage in ((PUBLIC, None), (signed_in, state)):
                chosen = {name: at for name, at in addresses.items() if not wanted or name in wanted}
                context = browser.new_context(
                    viewport={"width": width, "height": height}, storage_state=storage
                )
                cookies = {"theme": theme, "django_language": language}
                context.add_cookies([{"name": n, "value": v, "url": base} for n, v in cookies.items()])
                take(context, base, chosen, options.folder, variant)
                context.close()
        browser.close()


if __name__ == "__main__":
    main()
