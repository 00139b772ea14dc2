"""The studio's pages: maps and cut-outs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.rendering.colour_maps import COLOUR_MAPS
from webapp.benchmarks.protocol_facts import framing
from webapp.studio.asking import curves_protocol, prediction_digest
from webapp.studio.choices import Choice, read_choice, ready_classifiers
from webapp.studio.gallery import gallery_for
from webapp.studio.models import Explanation, Prediction, State
from webapp.studio.permalinks import PREPROCESSING
from webapp.studio.pictures import MOST_BYTES, MOST_PIXELS
from webapp.studio.sources import class_names_of, known_mask
from webapp.studio.tiles import Tile, rules_title, tile_of, tiles_for

CLASSES_FOUND = 20
MAPS, CUT_OUTS = "maps", "cut-outs"


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
    tiles = tiles_for(request.user, choice)
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
        "open": sum(tile.is_open for tile in tiles),
        "failed": sum(tile.row is not None and tile.row.state == State.FAILED for tile in tiles),
        "errors": errors or [],
        "mask": _mask(choice) if mode == CUT_OUTS else None,
        "frame_url": _file_address("studio:framed", choice),
        "kept_display": choice.kept_display(mode == CUT_OUTS, bool(tiles)),
        "socket": _socket(tiles, prediction),
        "texts": _texts(),
        "sheet": _sheet_texts(choice, prediction),
        "protocol": _protocol(choice),
        "applied": _applied(choice),
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
    """One map of the page, as it is now; `mode`, `name` and `beside` as the page has them (see Tile)."""
    own = Explanation.objects.visible_to(request.user).select_related("classifier")
    row = get_object_or_404(own, pk=pk)
    shown = tile_of(row, request.GET.get("name", "")[:80], request.GET.getlist("beside")[:40])
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
    digest = prediction_digest(choice.classifier, choice.source, choice.preprocessing)
    prediction = own.filter(digest=digest).first()
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


def _mask(choice: Choice) -> dict[str, str] | None:
    """Address and name of the mask that cut-outs are compared with."""
    if choice.classifier is None or choice.source is None:
        return None
    known = known_mask(choice.source, choice.classifier, choice.target, choice.preprocessing)
    if known is None:
        return None
    title = _("the mask of “%(label)s”") % {"label": known.label} if known.label else _("the object's mask")
    return {"url": _file_address("studio:mask", choice), "title": title}


def _file_address(name: str, choice: Choice) -> str:
    if choice.classifier is None or choice.source is None:
        return ""
    short = Choice(choice.query, choice.classifier, choice.source, choice.target)
    short.asked_preprocessing = choice.asked_preprocessing
    if name == "studio:framed":
        # The same picture whatever the class is.
        short.target = None
    version = choice.source.fingerprint[:8] if choice.source.dataset else choice.source.identifier[:8]
    return f"{reverse(name)}?{short.address(v=version)}"


def _socket(tiles: list[Tile], prediction: Prediction | None) -> str:
    """The address of the socket that tells of what is not finished; empty where everything is."""
    open_rows = [f"explanation={tile.row.pk}" for tile in tiles if tile.row and tile.is_open]
    if prediction is not None and prediction.is_open:
        open_rows.append(f"prediction={prediction.pk}")
    return f"/ws/studio/?{'&'.join(open_rows)}" if open_rows else ""


def _applied(choice: Choice) -> dict[str, Any] | None:
    """The preprocessing that is applied; `own_address`: the page with the model's own, where that is another one."""
    if choice.classifier is None:
        return None
    applied, own = (
        Preprocessing.from_dict(each) for each in (choice.preprocessing, choice.classifier.preprocessing)
    )
    others = [] if applied == own else [choice.address(**{PREPROCESSING: None})]
    return {
        "name": applied.name,
        "framing": framing(applied),
        "own_name": own.name,
        "same_geometry": applied.name == own.name,
        "own_address": others[0] if others else "",
    }


def _protocol(choice: Choice) -> dict[str, Any] | None:
    """What of the rules of the curves the browser needs to show a perturbed image; `mean`: the colour, 0 to 255."""
    if choice.classifier is None:
        return None
    rules = curves_protocol(choice.classifier, choice.preprocessing)
    return {
        "name": rules_title(rules),
        "mean": [round(255 * share) for share in choice.preprocessing["mean"]],
        "step_pixels": rules.step_pixels,
        "canvas": {"insertion": rules.insertion_canvas, "deletion": rules.deletion_canvas},
        "kernel": rules.blur_kernel,
        "sigma": rules.blur_sigma,
    }


def _sheet_texts(choice: Choice, prediction: Prediction | None) -> dict[str, str]:
    """What stands at the head of a contact sheet."""
    if choice.classifier is None or choice.source is None:
        return {}
    probability = dict(prediction.classes).get(choice.target) if prediction else None
    return {
        "model": choice.classifier.name,
        "image": choice.source.name,
        "class": choice.class_name if probability is None else f"{choice.class_name} {probability:.4f}",
    }


def _texts() -> dict[str, str]:
    return {
        "step": _("step %(step)s of %(steps)s, %(share)s %% of the pixels"),
        "score": _("probability %(value)s"),
        "of_mask": _("IoU %(iou)s, precision %(precision)s, recall %(recall)s"),
        "model": _("Model"),
        "image": _("Image"),
        "class": _("Class"),
        "cut_out": _("the model on the cut-out: %(before)s → %(after)s"),
        "clipped": _(
            "Each map is stretched from its own %(low)s to its own %(high)s percentile; the raw values of both stand "
            "under it."
        ),
        "whole": _(
            "Each map is stretched from its own smallest to its own largest value, which stand under it."
        ),
        "against": _(
            "Difference of the stretched maps, %(against)s taken away: red where the map is higher, blue where lower."
        ),
        "perturbed": _(
            "What the model was shown under %(protocol)s at this step: drag along a curve or a slider, all maps follow."
        ),
        "value": _("%(value)s at %(x)s, %(y)s"),
        "range": _("values %(low)s to %(high)s"),
        "iou": _("IoU %(value)s"),
        "too_big": _("This file is too big: at most %(size)s MiB are taken."),
        "no_image": _("There is no picture in that."),
    }
