"""What a studio page is about, as its address says it: model, image, class, methods and their settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _

from saliency_core.descriptions import MethodDescription
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import SaliscopeError
from saliency_core.methods.registry import method_descriptions, methods_by_family
from webapp.accounts.models import User
from webapp.benchmarks.form_choices import FAMILIES
from webapp.benchmarks.looks import method_colour
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.suitability import why_not_applicable
from webapp.library.models import Classifier, Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import classifiers_for, datasets_for
from webapp.method_settings.applying import with_own_settings
from webapp.method_settings.selectors import OwnSettings
from webapp.studio.asking import MOST_MAPS
from webapp.studio.forms import SettingsForm
from webapp.studio.models import Picture
from webapp.studio.permalinks import ENHANCEMENT
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
FIRST_METHODS = {"cnn": "grad_cam", "vit": "transformer_attribution"}


@dataclass
class ChosenMethod:
    """A method that is ticked, plain or `enhanced` or both; `form`: its settings."""

    description: MethodDescription
    form: SettingsForm
    plain: bool
    enhanced: bool

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
    settings for the model.
    """

    query: QueryDict
    classifier: Classifier | None = None
    source: Source | None = None
    target: int | None = None
    methods: list[ChosenMethod] = field(default_factory=list)
    enhancement: SettingsForm | None = None
    problems: list[str] = field(default_factory=list)
    own: OwnSettings | None = None

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
        """The chosen methods as a specification has them, plain before enhanced. Raises ParameterError."""
        found = []
        for method in self.methods:
            values = method.form.values()
            if method.plain:
                found.append(specified_method(method.description.key, values, None))
            if method.enhanced and self.enhancement is not None:
                found.append(specified_method(method.description.key, values, self.enhancement.values()))
        return found

    def address(self, **changes: Any) -> str:
        """The query string that brings this back; `changes` replace parts of it, None leaves one out."""
        parts: dict[str, Any] = {}
        if self.classifier is not None:
            parts["model"] = str(self.classifier.pk)
        if self.source is not None:
            parts |= self.source.address()
        if self.target is not None:
            parts["class"] = str(self.target)
        parts["method"] = [method.description.key for method in self.methods if method.plain]
        parts["enhanced"] = [method.description.key for method in self.methods if method.enhanced]
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
        chosen = {method.description.key: method for method in self.methods}
        groups: dict[str, tuple[list[MethodRow], list[MethodRow]]] = {key: ([], []) for key in FAMILIES}
        for description in methods_by_family():
            ticked = chosen.get(description.key)
            reason = self.classifier and why_not_applicable(self.classifier, description.key)
            row = MethodRow(
                description, reason, bool(ticked and ticked.plain), bool(ticked and ticked.enhanced)
            )
            groups[description.family][1 if reason else 0].append(row)
        return [Family(str(FAMILIES[key]), *rows) for key, rows in groups.items() if any(rows)]


def read_choice(user: User, query: QueryDict, *, lenient: bool = True) -> Choice:
    """What an address (or, not `lenient`, a form that was sent) asks for.

    What does not exist for this member is left out and named.
    """
    choice = Choice(query)
    choice.classifier = _classifier(user, query, choice)
    choice.source = _source(user, query, choice)
    choice.target = _target(query, choice)
    choice.own, query = with_own_settings(user, choice.classifier, query)
    _read_methods(query, choice, lenient)
    return choice


def ready_classifiers(user: User) -> list[Classifier]:
    """Ready ones, for a list: without what is long in their rows."""
    ready = classifiers_for(user).filter(state=Classifier.State.READY).prefetch_related(None)
    return list(ready.defer("description", "class_names"))


def _number(query: QueryDict, name: str) -> int | None:
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


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


def _read_methods(query: QueryDict, choice: Choice, lenient: bool) -> None:
    plain, enhanced = set(query.getlist("method")), set(query.getlist("enhanced"))
    known = {description.key: description for description in method_descriptions()}
    for key in sorted((plain | enhanced) - known.keys()):
        choice.problems.append(_("There is no method “%(key)s”.") % {"key": key[:80]})
    fitting = set()
    for key in (plain | enhanced) & known.keys():
        reason = choice.classifier and why_not_applicable(choice.classifier, key)
        if reason:
            choice.problems.append(reason)
        else:
            fitting.add(key)
    if not fitting and lenient and choice.classifier is not None:
        fitting = plain = {FIRST_METHODS.get(choice.classifier.family, "gradient")}
    if len(fitting) > MOST_MAPS:
        choice.problems.append(_("At most %(number)d maps can be asked for at once.") % {"number": MOST_MAPS})
    for description in [each for each in methods_by_family() if each.key in fitting][:MOST_MAPS]:
        form = SettingsForm(
            query,
            key=description.key,
            parameters=description.parameters,
            classifier=choice.classifier,
            lenient=lenient,
        )
        key = description.key
        choice.methods.append(ChosenMethod(description, form, key in plain, key in enhanced))
    if any(method.enhanced for method in choice.methods):
        choice.enhancement = SettingsForm(
            query,
            key=ENHANCEMENT,
            parameters=SLIDING_WINDOW.parameters,
            classifier=None,
            lenient=lenient,
        )
