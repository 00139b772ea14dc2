"""What members do in the studio: bring pictures, ask for classes and for maps."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from saliency_core.errors import ParameterError
from webapp.studio.asking import ask_for_maps, ask_for_prediction
from webapp.studio.choices import Choice, read_choice
from webapp.studio.consumers import row_payload
from webapp.studio.kept import cancel, retry
from webapp.studio.models import Explanation, Picture
from webapp.studio.pictures import delete_picture, keep_picture
from webapp.studio.views.pages import CUT_OUTS, MAPS, studio_page
from webapp.studio.views.reading import numbers_of


@require_POST
@login_required
def generate(request: HttpRequest) -> HttpResponse:
    """Asks for the maps that are chosen and leads to the page that shows them, whose address brings them back."""
    choice = read_choice(request.user, request.POST, lenient=False)
    mode = _mode(request)
    if not choice.is_valid:
        return studio_page(request, choice, mode, [_("Some settings can't be used: see below.")])
    try:
        if choice.classifier is None:
            raise ValidationError(_("There is no model that is ready: fetch the weights of one first."))
        if choice.source is None:
            raise ValidationError(_("Choose an image first."))
        if choice.target is None:
            raise ValidationError(_("Choose a class of the model first."))
        ask_for_maps(
            owner=request.user,
            classifier=choice.classifier,
            source=choice.source,
            target=choice.target,
            methods=choice.specified(),
            preprocessing=choice.preprocessing,
        )
    except ValidationError as refusal:
        return studio_page(request, choice, mode, refusal.messages)
    except ParameterError as refusal:
        return studio_page(request, choice, mode, [str(refusal)])
    return redirect(_page(mode, choice.address(), "maps"))


@require_POST
@login_required
def predict(request: HttpRequest) -> HttpResponse:
    """Asks for the most probable classes of the image; the page's address comes in the form."""
    choice = read_choice(request.user, request.POST)
    mode = _mode(request)
    if choice.classifier is None or choice.source is None:
        return studio_page(request, choice, mode, [_("Choose an image first.")])
    try:
        prediction = ask_for_prediction(
            owner=request.user,
            classifier=choice.classifier,
            source=choice.source,
            preprocessing=choice.preprocessing,
        )
    except ValidationError as refusal:
        return studio_page(request, choice, mode, refusal.messages)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse(row_payload(prediction))
    return redirect(_page(mode, choice.address(), "class"))


@require_POST
@login_required
def upload(request: HttpRequest) -> HttpResponse:
    """Keeps a picture and leads to the page about it, with its classes asked for."""
    choice = read_choice(request.user, request.POST)
    mode = _mode(request)
    file = request.FILES.get("file")
    try:
        if file is None:
            raise ValidationError(_("Choose a file first."))
        picture = keep_picture(owner=request.user, upload=file)
    except ValidationError as refusal:
        return studio_page(request, choice, mode, refusal.messages)
    return redirect(_page(mode, _about(choice, picture), "class"))


@require_POST
@login_required
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Deletes one of the member's own pictures with its maps."""
    picture = get_object_or_404(Picture.objects.visible_to(request.user), pk=pk)
    delete_picture(picture)
    messages.success(request, _("%(name)s was deleted.") % {"name": picture.name})
    return redirect(f"{reverse('studio:maps')}?from=own")


@require_POST
@login_required
def change_maps(request: HttpRequest) -> HttpResponse:
    """Cancels what is open of the page's maps (`cancel`: numbers) or tries failed ones again (`retry`)."""
    own = Explanation.objects.visible_to(request.user)
    for name, change in (("cancel", cancel), ("retry", retry)):
        numbers = numbers_of(request.POST.getlist(name))
        if numbers:
            change(own.filter(pk__in=numbers))
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({})
    choice = read_choice(request.user, request.POST)
    return redirect(_page(_mode(request), choice.address(), "maps"))


def _about(choice: Choice, picture: Picture) -> str:
    return choice.address(picture=str(picture.pk), dataset=None, image=None, **{"class": None})


def _mode(request: HttpRequest) -> str:
    return CUT_OUTS if request.POST.get("mode") == CUT_OUTS else MAPS


def _page(mode: str, address: str, place: str) -> str:
    return f"{reverse('studio:cut_outs' if mode == CUT_OUTS else 'studio:maps')}?{address}#{place}"
