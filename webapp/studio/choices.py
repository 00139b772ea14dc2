"""What a studio page is about, as its address says it: model, image, class, methods and their settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from saliency_core.descriptions import MethodDescription
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError, SaliscopeError
from saliency_core.methods.registry import method_descriptions, methods_by_family
from webapp.accounts.models import User
from webapp.benchmarks.form_choices import FAMILIES
from webapp.benchmarks.looks import method_colour
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.suitability import why_not_applicable
from webapp.common.text import row_number
from webapp.library.models import Classifier, Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.method_settings.applying import with_own_settings
from webapp.method_settings.selectors import OwnSettings
from webapp.studio import preprocessings
from webapp.studio.asking import MOST_MAPS
from webapp.studio.forms import SettingsForm
from webapp.studio.models import Picture
from webapp.studio.permalinks import ENHANCEMENT, PREPROCESSING
from webapp.studio.sources import Source, class_names_of

# How the page shows maps, and what it begins with.
DISPLAY = {
    "view": "overlay",
    "opacity": "50",
    "colours": "inferno",
    "low": "0",
    "high": "100",
    "against": "",
    "step": "0",
    "keep": "20",
    "ratios": "",
    "rest": "black",
}
CUT_OUT_TOOLS = {"keep", "ratios", "rest"}
MOST_TIMES = 8  # that one method may be chosen
FIRST_METHODS = {"cnn": "grad_cam", "vit": "transformer_attribution"}


@dataclass
class ChosenMethod:
    """A method that is ticked, plain or `enhanced` or both; `form`: its settings.

    A method may be there several times with settings of its own each: as "grad_cam", "grad_cam.2", … in the address.
    """

    description: MethodDescription
    form: SettingsForm
    plain: bool
    enhanced: bool
    number: int = 1

    @property
    def key(self) -> str:
        return self.form.key

    @property
    def title(self) -> str:
        return numbered_title(self.description, self.number)

    @property
    def is_untouched(self) -> bool:
        """Whether it was added to be set otherwise, and is not yet."""
        return self.number > 1 and not self.form.state()

    @property
    def colour(self) -> int:
        return method_colour(self.description.key)


@dataclass(frozen=True)
class MethodRow:
    """A line of the list of methods."""

    description: MethodDescription
    reason: str | None
    plain: bool
    enhanced: bool
    number: int = 1

    @property
    def key(self) -> str:
        return numbered_key(self.description.key, self.number)

    @property
    def title(self) -> str:
        return numbered_title(self.description, self.number)


def numbered_key(key: str, number: int) -> str:
    """How an address names a method the first time, and each further time."""
    return key if number == 1 else f"{key}.{number}"


def numbered_title(description: MethodDescription, number: int) -> str:
    title = _(description.title)
    return title if number == 1 else f"{title} ({number})"


@dataclass(frozen=True)
class Family:
    """Methods of one kind: those that explain the model, and those that don't."""

    title: str
    fitting: list[MethodRow]
    unfit: list[MethodRow]

    @property
    def is_open(self) -> bool:
        return any(row.plain or row.enhanced for row in self.fitting)


@dataclass
class Choice:
    """What is chosen so far. `problems`: what of the address could not be used, as sentences; `own`: the member's
    settings for the model; `asked_preprocessing`: another one than the model's own, or its own named outright.
    """

    query: QueryDict
    classifier: Classifier | None = None
    source: Source | None = None
    target: int | None = None
    methods: list[ChosenMethod] = field(default_factory=list)
    enhancement: SettingsForm | None = None
    problems: list[str] = field(default_factory=list)
    own: OwnSettings | None = None
    asked_preprocessing: dict[str, Any] | None = None

    @property
    def preprocessing(self) -> dict[str, Any]:
        """With which the image is shown to the model."""
        return self.asked_preprocessing or (self.classifier.preprocessing if self.classifier else {})

    @property
    def preprocessing_part(self) -> str:
        """As an address names what was asked for; empty for whatever the model's own is."""
        return preprocessings.written(self.asked_preprocessing) if self.asked_preprocessing else ""

    @property
    def display(self) -> dict[str, str]:
        return {name: self.query.get(name, usual)[:60] for name, usual in DISPLAY.items()}

    def kept_display(self, cut_outs: bool, toolbar: bool) -> list[tuple[str, str]]:
        """What of the display the page has no tool for (`toolbar`: whether it has any), to be carried along."""
        tools = set() if not toolbar else CUT_OUT_TOOLS if cut_outs else DISPLAY.keys() - CUT_OUT_TOOLS
        given = self.display.items()
        return [(name, value) for name, value in given if name not in tools and value != DISPLAY[name]]

    @property
    def class_name(self) -> str:
        if self.classifier is None or self.target is None:
            return ""
        return class_names_of(self.classifier)[self.target]

    @property
    def is_valid(self) -> bool:
        forms = [method.form for method in self.methods] + ([self.enhancement] if self.enhancement else [])
        return all(form.is_valid() for form in forms)

    def specified(self) -> list[dict[str, Any]]:
        """The chosen methods as a specification has them, plain before enhanced; what is the same only once. Raises
        ParameterError.
        """
        return [method for _name, method in self.named()]

    def named(self) -> list[tuple[str, dict[str, Any]]]:
        """The same with the names that the page knows them by: "grad_cam", enhanced "grad_cam+", again "grad_cam.2"."""
        found: list[tuple[str, dict[str, Any]]] = []
        for method in self.methods:
            key, values = method.description.key, method.form.values()
            if method.plain:
                found.append((method.key, specified_method(key, values, None)))
            if method.enhanced and self.enhancement is not None:
                found.append((f"{method.key}+", specified_method(key, values, self.enhancement.values())))
        return [
            each for place, each in enumerate(found) if each[1] not in [other for _n, other in found[:place]]
        ]

    def again(self) -> dict[str, tuple[str, str]]:
        """By the key of a chosen method: the key under which it comes once more, and the address of the page then."""
        taken = {method.key for method in self.methods}
        plain = [method.key for method in self.methods if method.plain]
        found = {}
        for method in self.methods if len(self.methods) < MOST_MAPS else []:
            keys = (numbered_key(method.description.key, number) for number in range(2, MOST_TIMES + 1))
            key = next((key for key in keys if key not in taken), None)
            if key is not None:
                found[method.key] = key, self.address(method=[*plain, key])
        return found

    def methods_with_again(self) -> list[tuple[ChosenMethod, str, str]]:
        """Each chosen method with key and address of `again`, empty where there is no more room."""
        again = self.again()
        return [(method, *again.get(method.key, ("", ""))) for method in self.methods]

    def address(self, **changes: Any) -> str:
        """The query string that brings this back; `changes` replace parts of it, None leaves one out."""
        parts: dict[str, Any] = {}
        if self.classifier is not None:
            parts["model"] = str(self.classifier.pk)
        if self.source is not None:
            parts |= self.source.address()
        if self.target is not None:
            parts["class"] = str(self.target)
        parts[PREPROCESSING] = self.preprocessing_part
        parts["method"] = [method.key for method in self.methods if method.plain]
        parts["enhanced"] = [method.key for method in self.methods if method.enhanced]
        for form in [*(method.form for method in self.methods), self.enhancement]:
            parts |= form.state() if form is not None else {}
        for name, usual in DISPLAY.items():
            shown = self.query.get(name, usual)
            parts |= {name: shown[:60]} if shown != usual else {}
        parts |= changes
        return urlencode({name: value for name, value in parts.items() if value}, doseq=True)

    def hidden(self, *without: str) -> list[tuple[str, str]]:
        """The address as the hidden fields of a form that changes some of it."""
        return [
            (name, value)
            for name, values in QueryDict(self.address()).lists()
            for value in values
            if name not in without
        ]

    def families(self) -> list[Family]:
        chosen = {method.key: method for method in self.methods}
        groups: dict[str, tuple[list[MethodRow], list[MethodRow]]] = {key: ([], []) for key in FAMILIES}
        for description in methods_by_family():
            ticked = chosen.get(description.key)
            reason = self.classifier and why_not_applicable(self.classifier, description.key)
            row = MethodRow(
                description, reason, bool(ticked and ticked.plain), bool(ticked and ticked.enhanced)
            )
            further = [
                MethodRow(description, None, method.plain, method.enhanced, method.number)
                for method in self.methods
                if method.description.key == description.key and method.number > 1
            ]
            groups[description.family][1 if reason else 0].extend([row, *further])
        return [Family(str(FAMILIES[key]), *rows) for key, rows in groups.items() if any(rows)]


def read_choice(user: User, query: QueryDict, *, lenient: bool = True) -> Choice:
    """What an address (or, not `lenient`, a form that was sent) asks for.

    What does not exist for this member is left out and named.
    """
    choice = Choice(query)
    choice.classifier = _classifier(user, query, choice)
    choice.source = _source(user, query, choice)
    choice.target = _target(query, choice)
    choice.asked_preprocessing = _preprocessing(query, choice)
    choice.own, query = with_own_settings(user, choice.classifier, query)
    _read_methods(query, choice, lenient)
    return choice


def ready_classifiers(user: User) -> list[Classifier]:
    """Ready ones, for a list: without what is long in their rows."""
    ready = classifiers_for(user).filter(state=Classifier.State.READY).prefetch_related(None)
    return list(ready.defer("description", "class_names"))


def _number(query: QueryDict, name: str) -> int | None:
    return row_number(query.get(name, ""))


def _classifier(user: User, query: QueryDict, choice: Choice) -> Classifier | None:
    visible = classifiers_for(user).prefetch_related(None)
    if query.get("model"):
        found = visible.filter(pk=_number(query, "model")).first()
        if found is not None and found.is_ready:
            return found
        choice.problems.append(
            _("%(name)s is not ready: fetch its weights on its page first.") % {"name": found.name}
            if found
            else _(
                "There is no such model for you: it was deleted, or it is private. Ask whoever sent you this address "
                "to share the model with the lab."
            )
        )
    return visible.filter(state=Classifier.State.READY).first()


def _source(user: User, query: QueryDict, choice: Choice) -> Source | None:
    if query.get("picture"):
        picture = Picture.objects.visible_to(user).filter(pk=_number(query, "picture")).first()
        if picture is None:
            choice.problems.append(
                _(
                    "There is no such picture for you: pictures that members bring are seen by nobody else. Ask for "
                    "the file and bring it yourself."
                )
            )
        return Source(None, "", picture) if picture else None
    if not query.get("image"):
        return None
    dataset: Dataset | None = datasets_for(user).filter(pk=_number(query, "dataset")).first()
    if dataset is None:
        choice.problems.append(
            _(
                "There is no such data set for you: it was deleted, or it is private. Ask whoever sent you this "
                "address to share it with the lab."
            )
        )
        return None
    try:
        opened(dataset).index_of(query["image"])
    except (SaliscopeError, OSError) as problem:
        choice.problems.append(str(problem))
        return None
    return Source(dataset, query["image"])


def _target(query: QueryDict, choice: Choice) -> int | None:
    target = _number(query, "class")
    if target is None or choice.classifier is None:
        return None
    if query.get("model") and query["model"] != str(choice.classifier.pk):
        return None  # Another model stands in for one that is not there: the number would mean another class.
    if target >= len(class_names_of(choice.classifier)):
        choice.problems.append(_("The model has no class %(number)d.") % {"number": target})
        return None
    return target


def _preprocessing(query: QueryDict, choice: Choice) -> dict[str, Any] | None:
    text = query.get(PREPROCESSING, "")
    # Another model that stands in for one that is not there has its own.
    if not text or choice.classifier is None or query.get("model") != str(choice.classifier.pk):
        return None
    try:
        return preprocessings.read(choice.classifier, text)
    except ParameterError as problem:
        choice.problems.append(str(problem))
        return None


def _number_of(text: str) -> tuple[str, int]:
    """ "grad_cam.2" as the method and how often it came before, counted from 1; 0 for what is no such number."""
    key, point, number = text.partition(".")
    if not point:
        return key, 1
    return key, int(number) if number in {str(each) for each in range(2, MOST_TIMES + 1)} else 0


def _read_methods(query: QueryDict, choice: Choice, lenient: bool) -> None:
    plain, enhanced = set(query.getlist("method")), set(query.getlist("enhanced"))
    known = {description.key: description for description in method_descriptions()}
    named = {text: _number_of(text) for text in sorted(plain | enhanced)}
    fitting: list[tuple[str, int]] = []
    refused = set()
    for text, (key, number) in named.items():
        if key not in known or not 1 <= number <= MOST_TIMES:
            choice.problems.append(_("There is no method “%(key)s”.") % {"key": text[:80]})
            continue
        reason = choice.classifier and why_not_applicable(choice.classifier, key)
        if not reason:
            fitting.append((key, number))
        elif key not in refused:
            refused.add(key)
            choice.problems.append(reason)
    if not fitting and lenient and choice.classifier is not None:
        first = FIRST_METHODS.get(choice.classifier.family, "gradient")
        fitting, plain = [(first, 1)], {first}
    if len(fitting) > MOST_MAPS:
        choice.problems.append(_("At most %(number)d maps can be asked for at once.") % {"number": MOST_MAPS})
    order = [each.key for each in methods_by_family()]
    fitting.sort(key=lambda each: (order.index(each[0]), each[1]))
    for method, number in fitting[:MOST_MAPS]:
        key = numbered_key(method, number)
        form = SettingsForm(
            query,
            key=key,
            method=method,
            parameters=known[method].parameters,
            classifier=choice.classifier,
            lenient=lenient,
        )
        choice.methods.append(ChosenMethod(known[method], form, key in plain, key in enhanced, number))
    if any(method.enhanced for method in choice.methods):
        choice.enhancement = SettingsForm(
            query,
            key=ENHANCEMENT,
            parameters=SLIDING_WINDOW.parameters,
            classifier=None,
            lenient=lenient,
        )
