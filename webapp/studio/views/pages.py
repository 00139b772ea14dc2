"""The studio's pages: maps and cut-outs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from saliency_core.descriptions import Parameter
from saliency_core.rendering.colour_maps import COLOUR_MAPS
from webapp.benchmarks.looks import method_colour
from webapp.benchmarks.methods import shown_enhancement, shown_parameters, title_of
from webapp.studio.asking import map_digests, prediction_digest
from webapp.studio.choices import Choice, read_choice, ready_classifiers
from webapp.studio.curve_lines import CurveLine, curve_lines
from webapp.studio.gallery import gallery_for
from webapp.studio.models import Explanation, Prediction
from webapp.studio.pictures import MOST_BYTES, MOST_PIXELS
from webapp.studio.sources import class_names_of, known_mask

CLASSES_FOUND = 20
MAPS, CUT_OUTS = "maps", "cut-outs"


@dataclass(frozen=True)
class Tile:
    """A map of the page: `method` as a specification has it; `row`: None where it has not been asked for.

    `default_layer`: the model's, which an empty layer means.
    """

    method: dict[str, Any]
    row: Explanation | None
    default_layer: str | None = None

    @property
    def title(self) -> str:
        return title_of(self.method)

    @property
    def colour(self) -> int:
        return method_colour(self.method["key"])

    @property
    def settings(self) -> list[tuple[Parameter, str]]:
        values = [*shown_parameters(self.method), *shown_enhancement(self.method)]
        return [
            (each, text or (self.default_layer or "" if each.kind == "layer" else ""))
            for each, text in values
        ]

    @property
    def curves(self) -> list[CurveLine]:
        return curve_lines(self.row.curves) if self.row else []


@require_GET
@login_required
def maps(request: HttpRequest) -> HttpResponse:
    return studio_page(request, read_choice(request.user, request.GET), MAPS)


@require_GET
@login_required
def cut_outs(request: HttpRequest) -> HttpResponse:
    return studio_page(request, read_choice(request.user, request.GET), CUT_OUTS)


def studio_page(
    request: HttpRequest, choice: Choice, mode: str, errors: list[str] | None = None
) -> HttpResponse:
    """The page about what is chosen; `errors`: why what was asked for was refused."""
    prediction = _prediction(request, choice)
    tiles = _tiles(request, choice)
    context = {
        "choice": choice,
        **_place(mode),
        "address": choice.address(),
        "classifiers": ready_classifiers(request.user),
        "gallery": gallery_for(request.user, choice, request.GET),
        "prediction": prediction,
        "classes": _classes(choice, prediction),
        "found": _found_classes(choice, request.GET.get("q", "")),
        "tiles": tiles,
        "missing": sum(tile.row is None for tile in tiles),
        "errors": errors or [],
        "mask": _mask(choice) if mode == CUT_OUTS else None,
        "frame_url": _file_address("studio:framed", choice),
        "socket": _socket(tiles, prediction),
        "texts": _texts(),
        "colour_maps": COLOUR_MAPS,
        "limits": {
            "bytes": MOST_BYTES,
            "megabytes": MOST_BYTES // 1024**2,
            "megapixels": MOST_PIXELS // 10**6,
        },
    }
    return render(request, "studio/studio.html", context, status=422 if errors else 200)


@require_GET
@login_required
def tile(request: HttpRequest, pk: int) -> HttpResponse:
    """One map of the page, as it is now; `mode` as the page's."""
    own = Explanation.objects.visible_to(request.user).select_related("classifier")
    row = get_object_or_404(own, pk=pk)
    shown = Tile(row.specified_method, row, row.classifier.default_layer)
    context = {"tile": shown, **_place(request.GET.get("mode", ""))}
    return render(request, "studio/parts/tile.html", context)


@require_GET
@login_required
def classes(request: HttpRequest) -> HttpResponse:
    """The classes that a search finds."""
    choice = read_choice(request.user, request.GET)
    context = {
        "choice": choice,
        "found": _found_classes(choice, request.GET.get("q", "")),
        **_place(request.GET.get("mode", "")),
    }
    return render(request, "studio/parts/found_classes.html", context)


@require_GET
@login_required
def method_settings(request: HttpRequest) -> HttpResponse:
    """The settings of the methods that are ticked."""
    choice = read_choice(request.user, request.GET, lenient=False)
    return render(request, "studio/parts/method_settings.html", {"choice": choice})


@require_GET
@login_required
def predicted(request: HttpRequest) -> HttpResponse:
    """The most probable classes of the image, as far as they are known."""
    choice = read_choice(request.user, request.GET)
    prediction = _prediction(request, choice)
    context = {
        "choice": choice,
        "prediction": prediction,
        "classes": _classes(choice, prediction),
        "frame_url": _file_address("studio:framed", choice),
        **_place(request.GET.get("mode", "")),
    }
    return render(request, "studio/parts/classes.html", context)


def _place(mode: str) -> dict[str, str]:
    """The mode of the page, and the address that its query strings belong to."""
    mode = CUT_OUTS if mode == CUT_OUTS else MAPS
    return {"mode": mode, "base": reverse("studio:cut_outs" if mode == CUT_OUTS else "studio:maps")}


def _prediction(request: HttpRequest, choice: Choice) -> Prediction | None:
    if choice.classifier is None or choice.source is None:
        return None
    own = Prediction.objects.visible_to(request.user)
    prediction = own.filter(digest=prediction_digest(choice.classifier, choice.source)).first()
    if choice.target is None and prediction is not None and prediction.classes:
        # The most probable class is meant until another one is chosen.
        choice.target = prediction.classes[0][0]
    return prediction


def _classes(choice: Choice, prediction: Prediction | None) -> list[dict[str, Any]]:
    if choice.classifier is None or prediction is None:
        return []
    names = class_names_of(choice.classifier)
    return [
        {
            "index": index,
            "name": names[index],
            "probability": probability,
            "address": choice.address(**{"class": str(index)}),
            "chosen": index == choice.target,
        }
        for index, probability in prediction.classes
    ]


def _found_classes(choice: Choice, text: str) -> list[dict[str, Any]] | None:
    """None where nothing is looked for."""
    text = text.strip().lower()
    if not text or choice.classifier is None:
        return None
    names = class_names_of(choice.classifier)
    hits = [index for index, name in enumerate(names) if text in name.lower() or text == str(index)]
    # Names that begin with it come first.
    hits.sort(key=lambda index: not names[index].lower().startswith(text))
    return [
        {"index": index, "name": names[index], "address": choice.address(**{"class": str(index)})}
        for index in hits[:CLASSES_FOUND]
    ]


def _tiles(request: HttpRequest, choice: Choice) -> list[Tile]:
    if choice.classifier is None or choice.source is None or choice.target is None or not choice.is_valid:
        return []
    methods = choice.specified()
    digests = map_digests(choice.classifier, choice.source, choice.target, methods)
    rows = Explanation.objects.visible_to(request.user).filter(digest__in=digests)
    by_digest = {row.digest: row for row in rows}
    return [
        Tile(method, by_digest.get(digest), choice.classifier.default_layer)
        for method, digest in zip(methods, digests, strict=True)
    ]


def _mask(choice: Choice) -> dict[str, str] | None:
    """Address and name of the mask that cut-outs are compared with."""
    if choice.classifier is None or choice.source is None:
        return None
    known = known_mask(choice.source, choice.classifier, choice.target)
    if known is None:
        return None
    title = _("the mask of “%(label)s”") % {"label": known.label} if known.label else _("the object's mask")
    return {"url": _file_address("studio:mask", choice), "title": title}


def _file_address(name: str, choice: Choice) -> str:
    if choice.classifier is None or choice.source is None:
        return ""
    short = Choice(choice.query, choice.classifier, choice.source, choice.target)
    if name == "studio:framed":
        # The same picture whatever the class is.
        short.target = None
    version = choice.source.fingerprint[:8] if choice.source.dataset else choice.source.identifier[:8]
    return f"{reverse(name)}?{short.address(v=version)}"


def _socket(tiles: list[Tile], prediction: Prediction | None) -> str:
    """The address of the socket that tells of what is not finished; empty where everything is."""
    open_rows = [
        f"explanation={tile.row.pk}"
        for tile in tiles
        if tile.row and (tile.row.is_open or tile.row.curves_state in ("waiting", "running"))
    ]
    if prediction is not None and prediction.is_open:
        open_rows.append(f"prediction={prediction.pk}")
    return f"/ws/studio/?{'&'.join(open_rows)}" if open_rows else ""


def _texts() -> dict[str, str]:
    return {
        "value": _("value %(value)s at column %(x)s, row %(y)s"),
        "iou": _("IoU %(value)s"),
        "too_big": _("This file is too big: at most %(size)s MiB are taken."),
        "no_image": _("There is no picture in that."),
    }
