"""The images on which the results of a comparison differ most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse

from webapp.benchmarks.methods import enhancement_of
from webapp.benchmarks.sharing import with_visible_images
from webapp.comparisons.choice import Measured
from webapp.comparisons.looks import result_titles

if TYPE_CHECKING:
    from webapp.comparisons.page import ComparisonPage

IMAGES_SHOWN = 6


class DifferingImages:
    """A page of them, by the figure that the address asks for; `number` is the page's."""

    def __init__(self, page: ComparisonPage) -> None:
        self.page = page

    def groups(self) -> list[dict[str, Any]]:
        """By group: the images on which the results differ most in the chosen figure, each with every result's value
        and the addresses of the studio.
        """
        if self.page.figure is None or self.page.paired.content is None:
            return []
        first = (self.number - 1) * IMAGES_SHOWN
        found = []
        for (places, _reference), group in zip(
            self.page.paired_members, self.page.paired.content["groups"], strict=True
        ):
            every = group["images"].get(self.page.figure.key, [])
            rows = [self._image(each, places) for each in every[first : first + IMAGES_SHOWN]]
            found.append(
                {
                    "looks": [self.page.looks[place] for place in places],
                    "rows": rows,
                    "protocol": self.page.measured[places[0]].experiment.protocol,
                    "more": len(every) > first + IMAGES_SHOWN,
                    "visible": all(self._shows_images(place) for place in places),
                }
            )
        return [group for group in found if group["rows"]]

    @property
    def number(self) -> int:
        text = self.page.choice.query.get("images", "")
        return max(1, min(int(text), 10)) if text.isascii() and text.isdecimal() and len(text) < 4 else 1

    @cached_property
    def _visible_images(self) -> set[int]:
        return with_visible_images(self.page.user, (each.benchmark.pk for each in self.page.measured))

    def _shows_images(self, place: int) -> bool:
        """Whether the member may see the images and maps of a result, as on the benchmark's own page."""
        return self.page.measured[place].benchmark.pk in self._visible_images

    def _image(self, image: Mapping[str, Any], places: Sequence[int]) -> dict[str, Any]:
        titles = result_titles([self.page.measured[place] for place in places])
        cells = []
        for offset, place in enumerate(places):
            cells.append(
                {
                    "look": self.page.looks[place],
                    "title": titles[offset],
                    "value": image["values"].get(str(offset)),
                    "target": image["targets"].get(str(offset)),
                    "visible": self._shows_images(place),
                }
            )
        return {**image, "cells": cells, "studio": self._studio(image, places)}

    def _studio(self, image: Mapping[str, Any], places: Sequence[int]) -> list[dict[str, str]]:
        """The studio with the image and the methods as they were measured, once for each model and class."""
        together: dict[tuple[int, int, int], list[Measured]] = {}
        for offset, place in enumerate(places):
            target = image["targets"].get(str(offset))
            if target is not None and self._shows_images(place):
                benchmark = self.page.measured[place].benchmark
                key = benchmark.classifier_id, benchmark.dataset_id, target
                together.setdefault(key, []).append(self.page.measured[place])
        links = []
        for (classifier, dataset, target), members in together.items():
            parts: dict[str, Any] = {
                "model": classifier,
                "dataset": dataset,
                "image": image["image"],
                "class": target,
                "method": [],
                "enhanced": [],
            }
            for each in members:
                method = each.chosen.method
                name = "method" if enhancement_of(method) is None else "enhanced"
                parts[name].append(method["key"])
                parts |= {
                    f"{method['key']}-{parameter}": _address_text(value)
                    for parameter, value in method["parameters"].items()
                    if value is not None
                }
                parts |= {
                    f"enhancement-{parameter}": _address_text(value)
                    for parameter, value in (enhancement_of(method) or {}).items()
                    if value is not None
                }
            title = members[0].benchmark.specification["classifier"]["name"]
            links.append({"title": title, "url": f"{reverse('studio:maps')}?{urlencode(parts, doseq=True)}"})
        return links


def _address_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
