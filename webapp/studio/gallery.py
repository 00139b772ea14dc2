"""The pictures to choose from: a data set's images, a page at a time, or the member's own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from saliency_core.errors import SaliscopeError
from webapp.accounts.models import User
from webapp.library.models import Dataset
from webapp.library.open_datasets import opened
from webapp.library.selectors import datasets_for
from webapp.studio.choices import Choice
from webapp.studio.models import Picture
from webapp.studio.sources import class_names_of, found_images

PAGE_SIZE = 24
RECENT = 6
MOST_SIGNS = 100
OWN = "own"
SAMPLES = "Sample photographs"


@dataclass(frozen=True)
class Thumbnail:
    """`address`: the query string of the page about it."""

    name: str
    label: str
    url: str
    address: str
    chosen: bool
    picture: int | None = None


@dataclass(frozen=True)
class Gallery:
    """`collection`: the data set shown, or None for the member's own pictures. `find`: what is looked for.
    `recent`: the member's newest pictures, beside a data set. `previous` and `next`: the query strings of the pages
    before and after, empty where there are none.
    """

    collection: Dataset | None
    collections: list[Dataset]
    thumbnails: list[Thumbnail]
    page: int
    pages: int
    total: int
    find: str = ""
    recent: tuple[Thumbnail, ...] = ()
    previous: str = ""
    next: str = ""
    problem: str = ""


def gallery_for(user: User, choice: Choice, query: QueryDict) -> Gallery:
    collections = sorted(datasets_for(user).defer("problems"), key=lambda each: each.name != SAMPLES)
    own = query.get("from") == OWN or (
        "from" not in query and choice.source is not None and choice.source.picture is not None
    )
    if own or not collections:
        return _own_pictures(user, choice, collections, query)
    collection = _collection(choice, collections, query)
    try:
        dataset = opened(collection)
        find = query.get("find", "").strip()[:MOST_SIGNS]
        indices: Sequence[int] = found_images(collection, find) if find else range(len(dataset))
    except (SaliscopeError, OSError) as problem:
        return Gallery(collection, collections, [], 1, 1, 0, problem=str(problem))
    # The page that the chosen image is on, unless another one is asked for.
    chosen = choice.source.image if choice.source and choice.source.dataset == collection else None
    place = None if chosen is None else dataset.index_of(chosen)
    usual = 1 if place is None or place not in indices else indices.index(place) // PAGE_SIZE + 1
    page, pages = _page(query, len(indices), usual)
    # Whoever has searched stays where the search led.
    stay = {"from": str(collection.pk), "find": find, "page": str(page)} if find else {}
    shown = []
    for index in indices[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]:
        sample = dataset.sample(index)
        url = reverse("studio:thumbnail", args=[collection.pk, index]) + f"?v={collection.fingerprint[:8]}"
        address = choice.address(
            dataset=collection.pk,
            image=sample.identifier,
            picture=None,
            **{"class": None, **stay},
        )
        shown.append(
            Thumbnail(sample.identifier, sample.label or "", url, address, sample.identifier == chosen)
        )
    turns = _turns(choice, str(collection.pk), page, pages, find)
    recent = tuple(_thumbnails(choice, Picture.objects.visible_to(user)[:RECENT]))
    return Gallery(collection, collections, shown, page, pages, len(indices), find, recent, *turns)


def _own_pictures(user: User, choice: Choice, collections: list[Dataset], query: QueryDict) -> Gallery:
    pictures = Picture.objects.visible_to(user)
    total = pictures.count()
    page, pages = _page(query, total, 1)
    shown = _thumbnails(choice, pictures[(page - 1) * PAGE_SIZE : page * PAGE_SIZE])
    return Gallery(None, collections, shown, page, pages, total, "", (), *_turns(choice, OWN, page, pages))


def _thumbnails(choice: Choice, pictures: Iterable[Picture]) -> list[Thumbnail]:
    """Of a member's own pictures."""
    chosen = choice.source.picture if choice.source else None
    return [
        Thumbnail(
            picture.name,
            "",
            reverse("studio:picture_thumbnail", args=[picture.pk]),
            choice.address(picture=picture.pk, dataset=None, image=None, **{"class": None}),
            picture == chosen,
            picture.pk,
        )
        for picture in pictures
    ]


def _collection(choice: Choice, collections: list[Dataset], query: QueryDict) -> Dataset:
    named = {str(each.pk): each for each in collections}
    if query.get("from") in named:
        return named[query["from"]]
    if choice.source is not None and choice.source.dataset in collections:
        return collections[collections.index(choice.source.dataset)]
    # The first one whose classes the model knows by their names, else the first.
    names = set(class_names_of(choice.classifier)) if choice.classifier else set()
    fitting = [each for each in collections if each.classes and set(each.classes) <= names]
    return (fitting or collections)[0]


def _page(query: QueryDict, total: int, usual: int) -> tuple[int, int]:
    pages = max(1, -(-total // PAGE_SIZE))
    text: Any = query.get("page", "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else usual
    return min(max(number, 1), pages), pages


def _turns(choice: Choice, collection: str, page: int, pages: int, find: str = "") -> tuple[str, str]:
    """The query strings of the page before and the page after."""

    def turned(number: int) -> str:
        place = {"from": collection, "find": find, "page": str(number)}
        return choice.address(**place) if 1 <= number <= pages else ""

    return turned(page - 1), turned(page + 1)
