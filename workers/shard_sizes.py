"""Fitting a shard to the worker that takes it.

Shards are cut by the speed of the device that planned them. A slower one would sit on one of them for hours, a faster
one would be done before its pipeline is full: so a claim takes a part, or several in a row, where the time would
otherwise be far from SHARD_SECONDS.
"""

from __future__ import annotations

from django.conf import settings

from saliency_core.errors import SaliscopeError
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.models import Benchmark, Shard
from webapp.common.database import locked_skipping
from webapp.library.models import ForwardRate

MOST_IMAGES_PER_SHARD = 1000
# Within this factor a shard is taken as it is.
TOLERANCE = 2.0
# Whoever joins several shards leaves at least as many to the others.
SHARE_OF_WHAT_WAITS = 0.5
MOST_JOINED = 200
MOST_KEPT = 1000

_kept_forwards: dict[tuple[str, int], float] = {}


def images_per_shard(seconds_per_image: float) -> int:
    """As many images as take about SHARD_SECONDS, at least one."""
    return max(1, min(MOST_IMAGES_PER_SHARD, round(settings.SHARD_SECONDS / seconds_per_image)))


def fit_to_device(shard: Shard, device: str) -> None:
    """Splits a waiting shard, or joins those that follow to it; sets its `stop`, which the caller saves. The shard must
    be locked. Where the device's speed is unknown it stays as it is.
    """
    wanted = _wanted_images(shard, device)
    if wanted is None:
        return
    if shard.number_of_images > TOLERANCE * wanted:
        split(shard, shard.start + wanted)
    elif shard.number_of_images * TOLERANCE <= wanted and shard.attempt == 0:
        _join(shard, wanted)


def _wanted_images(shard: Shard, device: str) -> int | None:
    benchmark = shard.benchmark
    rates = ForwardRate.objects.filter(
        classifier=benchmark.classifier_id,
        device=device,
        precision=benchmark.specification.get("precision", "fp32"),
    )
    rate = rates.values_list("images_per_second", flat=True).first()
    if not rate:
        return None
    try:
        return images_per_shard(_forwards(benchmark, shard.method_index) / rate)
    except SaliscopeError:
        return None  # A method or protocol that there is no more: whoever runs it will say so.


def _forwards(benchmark: Benchmark, method_index: int) -> float:
    """Forward equivalents of an image, remembered by specification: claims come quickly after each other."""
    key = benchmark.specification_sha256, method_index
    if not benchmark.specification_sha256 or key not in _kept_forwards:
        if len(_kept_forwards) >= MOST_KEPT:
            _kept_forwards.clear()
        _kept_forwards[key] = forwards_per_image(benchmark.specification, method_index)
    return _kept_forwards[key]


def split(shard: Shard, stop: int) -> None:
    """Leaves the images from `stop` on to a new shard with the same attempts behind it; the caller saves `stop`."""
    Shard.objects.create(
        benchmark_id=shard.benchmark_id,
        method_index=shard.method_index,
        start=stop,
        stop=shard.stop,
        attempt=shard.attempt,
        problem=shard.problem,
    )
    shard.stop = stop


def _join(shard: Shard, wanted: int) -> None:
    waiting = Shard.objects.filter(
        benchmark=shard.benchmark_id, method_index=shard.method_index, state=Shard.State.WAITING
    )
    room = min(MOST_JOINED, int(SHARE_OF_WHAT_WAITS * (waiting.count() - 1)))
    following = waiting.filter(start__gte=shard.stop, attempt=0).order_by("start")
    joined = []
    for each in locked_skipping(following)[:room]:
        if each.start != shard.stop or each.stop - shard.start > wanted:
            break
        joined.append(each.pk)
        shard.stop = each.stop
    Shard.objects.filter(pk__in=joined).delete()
