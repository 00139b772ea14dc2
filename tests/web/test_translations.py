"""The Chinese texts are complete: everything that templates, Python and saliency_core's descriptions show."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.test import Client
from django.utils.translation import gettext, override

from saliency_core.classifiers.catalogue import BUILTIN_CLASSIFIERS
from saliency_core.cli import experiment_text, methods
from saliency_core.datasets.archive_formats import REFUSALS
from saliency_core.datasets.base import FORMATS
from saliency_core.descriptions import Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.experiments.base import create_experiment, experiment_descriptions
from saliency_core.experiments.figures import COMMON_FIGURES
from saliency_core.methods.applicability import NEEDS
from saliency_core.methods.registry import method_descriptions
from tests.web import factories
from webapp.help.texts import texts_of

TRANS = re.compile(r"""\{%\s*trans(?:late)?\s+(?:"([^"]+)"|'([^']+)')""")
BLOCK = re.compile(r"\{%\s*blocktrans(?:late)?\b[^%]*%\}(.*?)\{%\s*endblocktrans(?:late)?\s*%\}", re.DOTALL)
PLURAL = re.compile(r"\{%\s*plural\s*%\}")
DEFAULTS = re.compile(r"""\|default:_\("([^"]+)"\)""")
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@pytest.fixture(scope="module")
def catalogue(repository: Path) -> Catalog:
    with (repository / "locale/zh_Hans/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale="zh_Hans")


def test_every_text_is_translated(repository: Path, catalogue: Catalog) -> None:
    translated = {first_form(message.id) for message in catalogue if message.id and all_forms(message.string)}
    shown = {
        *texts_of_templates(repository),
        *texts_of_python(repository),
        *texts_of_descriptions(),
        *texts_of_definitions(),
        *texts_of_obstacles(repository),
        *REFUSALS.values(),
    }
    assert sorted(shown - translated) == []


def test_texts_of_every_part_of_an_experiment_are_looked_for() -> None:
    """One of each kind, so that none of them can drop out of the test above unnoticed."""
    texts = set(texts_of_descriptions())
    assert {
        "Pointing game",  # an experiment
        "As torchray@1, within 15 pixels of a segmentation mask (COCO).",  # a protocol that is not the default
        "Thesis, chapter 3, another reading",  # a source
        "Rank correlation, at the end",  # a figure that not every protocol has
        "Share of the images whose masked version has a higher probability of the class.",  # its definition
        "Memory per map",  # a figure of every experiment
        "IoU by share of pixels",  # a curve
        "Similarity to the intact model's map",  # its y axis
        "Share of highest pixels",  # its x axis
        "PASCAL VOC",  # a format
        "The folder val with val_annotations.txt and images: a class and a box for each image.",
        "Shapes ViT",  # a classifier
        "Thesis, chapter 4",  # what stands in the place of a citation
    } <= texts


def test_paragraphs_points_and_equations_of_definitions_are_looked_for() -> None:
    assert {
        "Source: Selvaraju et al., Grad-CAM, ICCV 2017, equations 1 and 2.",  # a paragraph
        "A15: W̄ is the mean at the image's size.",  # a point of a list
        "How a map becomes a mask, and what it is compared with.",  # an experiment's
    } <= set(texts_of_definitions())
    assert any(text.startswith("Ā = mean_t φ(A_t)") for text in texts_of_definitions())  # an equation


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "texts"),
    [
        (
            "/help/methods/msg_cam/",
            ("<li>A15：W̄ 是在图像尺寸上的平均。</li>", "W̄ₖ = φ(G_t)ᵏ 对空间与 t 的平均"),
        ),
        (
            "/help/experiments/segmentation/",
            ("<p>显著图如何变为掩膜，以及与什么比较。</p>", "<code>truth</code>："),
        ),
    ],
)
def test_definitions_are_chinese(
    client: Client, catalogue: Catalog, settings, tmp_path: Path, address: str, texts: tuple[str, ...]
) -> None:
    compile_into(catalogue, tmp_path, settings)
    client.force_login(factories.member())
    client.cookies["django_language"] = "zh-hans"
    html = client.get(address).content.decode()
    definition = html.split('<div class="help-definition stack">')[1].split("</div>")[0]
    for text in texts:
        assert text in definition


def test_translations_can_be_compiled(catalogue: Catalog) -> None:
    """What pybabel refuses, such as a per cent sign before a word that begins like a placeholder."""
    assert [(message.id, errors) for message, errors in catalogue.check()] == []


def test_translations_keep_their_placeholders(catalogue: Catalog) -> None:
    pattern = re.compile(r"%\(\w+\)[^a-z]*[a-z]")
    for message in catalogue:
        if message.id:
            ids = message.id[-1] if isinstance(message.id, list | tuple) else message.id
            for text in all_forms(message.string):
                assert sorted(pattern.findall(text)) == sorted(pattern.findall(ids)), message.id


def test_pages_are_chinese(client: Client, catalogue: Catalog, settings, tmp_path: Path) -> None:
    compile_into(catalogue, tmp_path, settings)
    client.cookies["django_language"] = "zh-hans"
    assert "显著图解释方法对比评测系统" in client.get("/").content.decode()
    with override("zh-hans"):
        assert gettext("Sign in") == "登录"


def compile_into(catalogue: Catalog, folder: Path, settings) -> None:
    """Has Django read the texts as they are now, compiled or not."""
    compiled = folder / "zh_Hans" / "LC_MESSAGES" / "django.mo"
    compiled.parent.mkdir(parents=True)
    with compiled.open("wb") as file:
        write_mo(file, catalogue)
    settings.LOCALE_PATHS = [folder]


def first_form(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def all_forms(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """The translated forms, or none if one of them is missing."""
    forms = [text] if isinstance(text, str) else list(text)
    return forms if all(forms) else []


def texts_of_templates(repository: Path) -> Iterator[str]:
    for template in (repository / "templates").rglob("*.html"):
        source = template.read_text(encoding="utf-8")
        for double, single in TRANS.findall(source):
            yield (double or single).replace("%", "%%")
        for block in BLOCK.findall(source):
            singular = PLURAL.split(block)[0]
            yield VARIABLE.sub(r"%(\1)s", singular.replace("%", "%%"))
        yield from DEFAULTS.findall(source)


def texts_of_python(repository: Path) -> Iterator[str]:
    keywords = {
        "_": None,
        "gettext": None,
        "gettext_lazy": None,
        "pgettext": ((1, "c"), 2),
        "ngettext": (1, 2),
    }
    for folder in (repository / "webapp").iterdir():
        for source in folder.rglob("*.py") if folder.is_dir() else ():
            if "migrations" not in source.parts:
                for _line, text, _comments, _context in extract_from_file(
                    "python", source, keywords=keywords
                ):
                    yield first_form(text)


def texts_of_descriptions() -> Iterator[str]:
    yield from NEEDS.values()
    for method in method_descriptions():
        yield from filter(None, (method.title, method.summary, *method.presets))
        yield from texts_of_parameters(method.parameters)
        # A citation stays as it is printed; what is no citation has no year.
        yield from () if re.search(r"\b(19|20)\d\d\b", method.paper) else (method.paper,)
    yield from (SLIDING_WINDOW.title, SLIDING_WINDOW.summary, SLIDING_WINDOW.paper)
    yield from texts_of_parameters(SLIDING_WINDOW.parameters)
    yield from texts_of_experiments()
    for format in FORMATS:
        yield from (format.title, format.help)
    for classifier in BUILTIN_CLASSIFIERS:
        yield classifier.title


def texts_of_definitions() -> Iterator[str]:
    """The long texts of the help pages: how methods are defined, and what the settings of experiments mean."""
    for method in method_descriptions():
        yield from texts_of(methods.definition(method.key))
    for experiment in experiment_descriptions():
        yield from texts_of(experiment_text.definition(experiment.key))


def texts_of_experiments() -> Iterator[str]:
    """Titles, protocols, figures and curves; figures and curves may differ between protocols."""
    for figure in COMMON_FIGURES:
        yield from (figure.title, figure.summary)
    for description in experiment_descriptions():
        yield from (description.title, description.summary)
        for protocol in description.protocols:
            yield from (protocol.summary, protocol.source)
            experiment = create_experiment(description.key, protocol.name)
            for figure in experiment.figures():
                yield from (figure.title, figure.summary)
            for curve in experiment.curves():
                yield from (curve.title, curve.x_title, curve.y_title)


def texts_of_parameters(parameters: tuple[Parameter, ...]) -> Iterator[str]:
    for parameter in parameters:
        texts = (parameter.title, parameter.help, parameter.unit, parameter.source, *parameter.choices)
        yield from filter(None, texts)


def texts_of_obstacles(repository: Path) -> Iterator[str]:
    """Why methods cannot explain a classifier: texts that name the method, docstrings aside."""
    for source in (repository / "saliency_core/methods").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        texts = (
            node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings
        )
        yield from (text for text in texts if isinstance(text, str) and "%(method)s" in text)
