"""Columns without curves, kept by this process so that a page need not unpack thousands of results again."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

from django.db.models import Count, Max, QuerySet

from saliency_core.experiments.columns import Columns
from webapp.benchmarks.models import Benchmark, ShardResult

KEPT_BYTES = 64_000_000

_Key = tuple[int, datetime, tuple[int, int]]


@dataclass(frozen=True)
class _Kept:
    """Columns of ``count`` results, the newest of which has the number ``newest``."""

    count: int
    newest: int
    columns: Columns

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return sum(each.nbytes for each in self.columns.scalars.values()) + 100 * len(self.columns)


_kept: OrderedDict[_Key, _Kept] = OrderedDict()
_lock = Lock()


def scalars_of(benchmark: Benchmark, place: tuple[int, int], results: QuerySet[ShardResult]) -> Columns:
    """The columns of these results, of which only those are unpacked that have come since the last time."""
    # Results are written once and never changed: how many there are and the newest say which they are.
    present = results.order_by().aggregate(count=Count("pk"), newest=Max("pk"))
    count, newest = present["count"], present["newest"] or 0
    key = (benchmark.pk, benchmark.created, place)
    with _lock:
        kept = _kept.get(key)
    if kept is None or (kept.count, kept.newest) != (count, newest):
        kept = _extended(kept, results, count, newest)
    with _lock:
        _kept[key] = kept
        _kept.move_to_end(key)
        while len(_kept) > 1 and sum(each.size for each in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
    return kept.columns


def _extended(kept: _Kept | None, results: QuerySet[ShardResult], count: int, newest: int) -> _Kept:
    results = results.filter(pk__lte=newest)
    if kept is not None:
        fresh = _unpacked(results.filter(pk__gt=kept.newest))
        # Numbers are given before results are committed: one with a smaller number may come late.
        if kept.count + len(fresh) == count:
            return _Kept(count, newest, Columns.merge([kept.columns, *fresh]))
    return _Kept(count, newest, Columns.merge(_unpacked(results)))


def _unpacked(results: QuerySet[ShardResult]) -> list[Columns]:
    return [Columns.unpack(bytes(packed)) for packed in results.values_list("scalars", flat=True)]
