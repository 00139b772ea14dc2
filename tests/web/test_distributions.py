"""Histograms and densities of per-image figures."""

from __future__ import annotations

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from tests.web import factories
from tests.web.api_calls import finished_benchmark
from webapp.benchmarks.distributions import distribution
from webapp.benchmarks.image_table import Column, Units


def units(*columns: list[float], unit: str = "") -> Units:
    values = np.array(columns, dtype=np.float32)
    count = values.shape[1]
    return Units(
        images=[f"{number}.jpg" for number in range(count)],
        class_names=np.full(count, "x"),
        targets=np.zeros(count, np.int64),
        labels=np.zeros(count, np.int64),
        probabilities=np.full(count, np.nan, np.float32),
        degenerate=np.zeros(count, np.bool_),
        values=values,
        columns=tuple(
            Column(f"m{number}", f"Method {number}", unit, number) for number in range(len(columns))
        ),
    )


def test_a_histogram_has_the_share_of_the_images_in_common_bins() -> None:
    found = distribution(units([0.0, 0.1, 0.9, np.nan], [0.2, 0.3, 0.3, 3.0]), "histogram")
    first, second = found["parts"]
    assert (first["n"], second["n"]) == (3, 4)
    assert first["x"] == second["x"] == pytest.approx([0.05 + 0.1 * number for number in range(30)])
    assert sum(first["y"]) == pytest.approx(1, abs=1e-4)
    assert [(place, share) for place, share in enumerate(second["y"]) if share] == [
        (2, 0.25),
        (3, 0.5),
        (29, 0.25),
    ]


def test_a_density_has_the_area_one_and_its_top_where_the_images_are() -> None:
    values = np.random.default_rng(0).normal(50, 2, 5000)
    (part,) = distribution(units(list(values / 100), unit="percent"), "violin")["parts"]
    x, y = np.array(part["x"]), np.array(part["y"])
    assert np.trapezoid(y, x) == pytest.approx(1, abs=0.01)
    assert x[y.argmax()] == pytest.approx(50, abs=0.6)
    # The normal density at its middle: 1 / (2 · √(2π)).
    assert y.max() == pytest.approx(0.1995, rel=0.05)
    assert part["median"] == pytest.approx(50, abs=0.1)


def test_images_that_are_all_alike_and_none_at_all() -> None:
    (part,) = distribution(units([0.5, 0.5, 0.5]), "violin")["parts"]
    assert np.isfinite(part["y"]).all()
    assert distribution(units([np.nan, np.nan]), "histogram") is None


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["histogram", "violin"])
def test_the_page_shows_the_kind_that_the_address_asks_for(client: Client, kind: str) -> None:
    benchmark = finished_benchmark(factories.member())
    client.force_login(benchmark.owner)
    address = reverse("benchmarks:detail", args=[benchmark.pk])
    response = client.get(f"{address}?plot={kind}&figure=deletion_auc")
    (part,) = response.context["chart"]["distribution"]["parts"]
    assert (part["column"], part["n"]) == ("deletion_auc", 7)
    assert "data-distribution" in response.content.decode()
    assert "distribution" not in client.get(f"{address}?plot=x").context["chart"]
