"""Help: a page for every method and experiment from its description, in both languages, for everybody."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from saliency_core.experiments.base import experiment_descriptions
from saliency_core.methods.registry import method_descriptions
from tests.web import factories
from webapp.help.glossary import GLOSSARY
from webapp.help.texts import as_html

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_method_and_experiment_has_a_page(client: Client, language: str) -> None:
    client.cookies["django_language"] = language
    index = client.get("/help/").content.decode()
    addresses = [f"/help/methods/{each.key}/" for each in method_descriptions()]
    addresses += ["/help/methods/sliding_window/"]
    addresses += [f"/help/experiments/{each.key}/" for each in experiment_descriptions()]
    for address in addresses:
        assert f'href="{address}"' in index
        assert client.get(address).status_code == 200, address
    for address in ("/help/methods/nothing/", "/help/experiments/nothing/"):
        assert client.get(address).status_code == 404


def test_a_methods_page_says_what_its_description_says(client: Client) -> None:
    page = client.get("/help/methods/msg_cam/").content.decode()
    for text in (
        "Groups of feature maps from several sizes of the image",
        "<code>groups</code>",
        "1 to 4096",
        "Thesis, section 3.4.2",
        "45.1 forward and 12.1 backward passes",
        "cameras8",
        "thesis, chapter 3",
        "ReLU(Σ_r α_r M_r)",
        "/static/methods/msg_cam.webp",
    ):
        assert text in page, text
    assert "``" not in page


def test_members_see_which_of_their_models_it_explains(client: Client) -> None:
    member = factories.member()
    factories.classifier(name="Mine", owner=member)
    factories.classifier(name="Theirs", owner=factories.member())
    factories.classifier(name="A transformer", family="vit")
    assert "A transformer" not in client.get("/help/methods/grad_cam/").content.decode()
    client.force_login(member)
    page = client.get("/help/methods/grad_cam/").content.decode()
    assert "Mine" in page and "Theirs" not in page
    assert "Grad-CAM needs a convolutional layer, and A transformer is a transformer." in page


def test_a_model_that_cannot_be_used_is_not_said_to_be_explained(client: Client) -> None:
    member = factories.member()
    client.force_login(member)
    factories.classifier(owner=member, name="Broken", state="failed", problem="Its file is cut off.")
    html = client.get("/help/methods/grad_cam/").content.decode()
    assert re.search(r"Broken</a></dt><dd[^>]*>This model can(?:'|&#x27;)t be used yet\.</dd>", html)


def test_an_experiments_page_has_protocols_figures_and_ground_truth(client: Client) -> None:
    page = client.get("/help/experiments/pointing_game/").content.decode()
    for text in (
        "pointing-game/thesis@1",
        "boxes around objects",
        "higher is better",
        "<code>tolerance</code>",
    ):
        assert text in page, text


def test_terms_can_be_linked_to(client: Client) -> None:
    terms = [term for section in GLOSSARY for term in section.terms]
    slugs = [term.slug for term in terms] + [section.slug for section in GLOSSARY]
    assert len(set(slugs)) == len(slugs)
    client.cookies["django_language"] = "zh-hans"
    page = client.get("/help/glossary/").content.decode()
    assert 'id="pointing-game"' in page
    assert "定点游戏" in page


def test_keys_are_listed_and_can_be_switched_off(client: Client) -> None:
    member = factories.member()
    client.force_login(member)
    page = client.get("/help/keyboard/").content.decode()
    assert page.count('data-keys="g b"') == 2  # The page's list, and the dialog's.
    member.keyboard_shortcuts = False
    member.save()
    page = client.get("/help/keyboard/").content.decode()
    assert page.count('data-keys="g b"') == 1
    assert "keys.js" not in page
    assert "You have switched them off" in page


def test_docstrings_become_paragraphs_lists_and_code_and_nothing_else() -> None:
    text = "One ``a<b`` line\nand more.\n\n- first\n  goes on\n- second\n\n    x = <y>\n    z"
    assert as_html(text) == (
        "<p>One <code>a&lt;b</code> line and more.</p>\n"
        "<ul><li>first goes on</li><li>second</li></ul>\n"
        '<pre class="help-equation">x = &lt;y&gt;\nz</pre>'
    )
