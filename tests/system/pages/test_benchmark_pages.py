"""The list of benchmarks, a new one and the page of one in Chromium, with workers that really run."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.system, pytest.mark.browser]

# Quick to measure: no forwards but those that find the class.
QUICK = "/benchmarks/new/?method=random_map&experiment=sparsity/gini@1"

# Milliseconds: seconds where the machine has nothing else to do.
MEASURED_WITHIN = 90_000


def queue(page: Page, name: str, images: int = 3) -> int:
    """Queues a quick benchmark of the sample photographs by its form; its number."""
    page.goto(f"{QUICK}&number_of_images={images}")
    page.get_by_label("Name of the benchmark").fill(name)
    page.get_by_role("button", name="Queue the benchmark").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    return int(re.search(r"/benchmarks/(\d+)/", page.url)[1])


def rows(page: Page) -> list[str]:
    return page.locator("#benchmark-list tbody tr").evaluate_all("rows => rows.map(r => r.dataset.benchmark)")


def test_rows_of_the_list_follow_without_moving(page: Page, member: str) -> None:
    first, second = queue(page, "First"), queue(page, "Second")
    page.goto("/benchmarks/")
    assert rows(page) == [str(second), str(first)]
    for number in (first, second):
        row = page.locator(f"[data-benchmark='{number}']")
        expect(row.locator(".state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)
        expect(row.locator("[data-live='done']")).to_have_text("3")
        expect(row.locator("[data-live='value']")).not_to_have_text("–")
    assert rows(page) == [str(second), str(first)]


def test_the_lists_state_is_its_address_and_can_be_saved(page: Page, member: str) -> None:
    first, second = queue(page, "Alpha"), queue(page, "Beta")
    page.goto("/benchmarks/")
    page.get_by_role("button", name=f"Pin benchmark {first} to the top").click()
    assert rows(page) == [str(first), str(second)]
    page.get_by_label("Search").fill("beta")
    page.get_by_role("button", name="Show", exact=True).first.click()
    assert rows(page) == [str(second)]
    assert "q=beta" in page.url
    page.get_by_text("Save this view").click()
    page.get_by_label("Name of the view").fill("Only Beta")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Only Beta")
    page.get_by_role("link", name="Clear filters").click()
    assert rows(page) == [str(first), str(second)]
    page.get_by_role("link", name="Only Beta").click()
    assert rows(page) == [str(second)]
    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="Owner").check()
    page.get_by_role("button", name="Show", exact=True).last.click()
    expect(page.locator("#benchmark-list tbody")).to_contain_text(member)


def test_selected_rows_are_tagged_deleted_and_brought_back(page: Page, member: str) -> None:
    numbers = [queue(page, name) for name in ("One", "Two")]
    page.goto("/benchmarks/")
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    page.get_by_role("checkbox", name="Select all rows").check()
    expect(page.locator("#selected-count")).to_have_text("2 selected")
    page.get_by_label("Tags to put on the selected benchmarks").fill("seminar")
    page.get_by_role("button", name="Add tags").click()
    expect(page.get_by_role("link", name="seminar")).to_have_count(2)
    page.get_by_role("checkbox", name=f"Select benchmark {numbers[0]}").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    assert rows(page) == [str(numbers[1])]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One")


def test_one_benchmark_is_renamed_noted_cloned_and_run_again(page: Page, member: str) -> None:
    number = queue(page, "Before")
    page.get_by_text("Rename", exact=True).click()
    page.get_by_role("textbox", name="Name of the benchmark").fill("After")
    page.get_by_role("button", name="Save", exact=True).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("After")
    page.get_by_text("Write notes and tags").click()
    page.get_by_role("textbox", name="Notes").fill("- **bold**\n- `code`")
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.locator(".notes strong")).to_have_text("bold")
    page.get_by_role("link", name="Clone").click()
    expect(page.get_by_label("Name of the benchmark")).to_have_value("After")
    expect(page.get_by_label("Number of images")).to_have_value("3")
    page.go_back()
    page.get_by_role("button", name="Rerun").click()
    expect(page.get_by_text("Rerun of")).to_contain_text(f"#{number}")
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)


def test_a_shared_benchmark_is_seen_until_it_is_withdrawn(page: Page, member: str) -> None:
    queue(page, "To be seen")
    address = page.url
    page.get_by_role("button", name="Share with the lab").click()
    expect(page.get_by_text("The whole lab")).to_be_visible()
    other = page.context.browser.new_context(base_url=address.split("/benchmarks")[0]).new_page()
    other.goto("/sign-up/")
    for field, text in (("username", f"{member}-x"), ("password", "another pass phrase")):
        other.fill(f"#id_{field}", text)
    other.fill("#id_password_again", "another pass phrase")
    other.get_by_role("button", name="Create the account").click()
    other.goto("/benchmarks/?owner=shared&q=to+be+seen")
    other.get_by_role("link", name="To be seen").first.click()
    expect(other.get_by_text(f"Shared by {member}")).to_be_visible()
    expect(other.get_by_role("button", name="Delete", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Stop sharing with the lab").click()
    expect(page.get_by_text("Nobody", exact=True)).to_be_visible()
    assert other.goto(address).status == 404
    other.context.close()


def test_images_open_in_the_studio_as_the_protocol_shows_them(page: Page, member: str) -> None:
    experiments = "experiment=sparsity/gini@1&experiment=insertion_deletion/group-cam@1"
    page.goto(f"/benchmarks/new/?method=grad_cam&{experiments}&number_of_images=1")
    page.get_by_label("Model", exact=True).select_option(label="Shapes CNN")
    page.get_by_label("Name of the benchmark").fill("Two protocols")
    page.get_by_role("button", name="Queue the benchmark").last.click()
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)
    address = page.url.partition("?")[0].partition("#")[0]
    drawn = []
    # Insertion and deletion stand first in the form.
    for experiment, name in enumerate(("resize256_crop224", "squash224")):
        page.goto(f"{address}?experiment={experiment}")
        picture = page.locator("#benchmark-images .thumb img")
        expect(picture).to_be_visible(timeout=MEASURED_WITHIN)
        number = re.search(r"/maps/(\d+)/", picture.get_attribute("src") or "")[1]
        page.locator("#benchmark-images tbody a[title='Open in the studio']").click()
        expect(page.locator("#applied-preprocessing")).to_contain_text(name)
        # The very map that is on the benchmark's page.
        expect(page.locator(".tile")).to_have_attribute("data-map", number)
        expect(page.locator(".pane-map canvas")).to_be_visible()
        drawn.append(page.request.get(f"/maps/{number}/map.npy").body())
        note = page.get_by_text("Not the model's own preprocessing")
        expect(note).to_have_count(1 if experiment == 0 else 0)
    assert drawn[0] != drawn[1]
    page.goto(f"{address}?experiment=0")
    page.locator("#benchmark-images tbody a[title='Open in the studio']").click()
    page.get_by_role("link", name="Use the model's own (squash224)").click()
    expect(page.locator("#applied-preprocessing")).to_contain_text("squash224")
    assert "preprocessing=" not in page.url


def test_a_map_that_is_drawn_before_its_request_is_answered_is_shown(page: Page, member: str) -> None:
    told: list[str] = []

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        (drawn,) = answer.json()["maps"]
        told.append(drawn["state"])
        while len(told) == 1 and not page.request.get(f"/maps/{drawn['id']}/overlay.webp").ok:
            page.wait_for_timeout(100)
        # Time for the message of the socket.
        page.wait_for_timeout(2000)
        route.fulfill(response=answer)

    page.route(re.compile(r"/benchmarks/\d+/maps/"), answer_late)
    page.goto("/benchmarks/new/?method=grad_cam&experiment=sparsity/gini@1&number_of_images=1")
    page.get_by_label("Model", exact=True).select_option(label="Shapes CNN")
    page.get_by_role("button", name="Queue the benchmark").last.click()
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)
    expect(page.locator("#benchmark-images .thumb img")).to_be_visible(timeout=15_000)
    assert told == ["waiting"]


def test_several_models_are_queued_together(page: Page, member: str) -> None:
    page.goto(f"{QUICK}&number_of_images=2")
    page.get_by_text("Also on these models").first.click()
    page.get_by_role("checkbox", name="Shapes CNN").check()
    button = page.get_by_role("button", name="Queue 2 benchmarks")
    expect(page.locator("#estimate")).to_contain_text("Shapes CNN")
    button.click()
    expect(page.get_by_role("status").first).to_contain_text("Queued together:")
    assert len(rows(page)) == 2


def test_the_kind_of_plot_is_in_the_address(page: Page, member: str) -> None:
    queue(page, "Plots", images=5)
    expect(page.locator("#live .state")).to_have_text("Succeeded", timeout=MEASURED_WITHIN)
    page.reload()
    for kind in ("Violin plots", "Histogram"):
        page.get_by_role("link", name=kind).click()
        expect(page.locator("[data-distribution] .main-svg").first).to_be_visible()
    assert "plot=histogram" in page.url
