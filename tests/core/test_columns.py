from __future__ import annotations

import itertools

import numpy as np
import pytest

from saliency_core.experiments.columns import Columns


def part(*indices: int, failed: tuple[int, ...] = ()) -> Columns:
    return Columns(
        indices=np.array(indices, dtype=np.int64),
        images=[f"n{index}/图{index}.JPEG" for index in indices],
        scalars={
            "target": np.array(indices, dtype=np.int64) * 10,
            "target_name": np.array(["x" * (index + 1) for index in indices], dtype=np.str_),
            "overall": np.array(indices) / 7,
            "degenerate": np.array([index == 3 for index in indices], dtype=bool),
        },
        curves={"insertion": np.arange(3, dtype=np.float32) + np.array(indices, np.float32)[:, None]},
        failures=[{"index": index, "image": f"bad{index}", "reason": "truncated"} for index in failed],
    )


def assert_equal(left: Columns, right: Columns) -> None:
    assert left.pack() == right.pack()
    assert left.images == right.images


WHOLE = part(0, 1, 2, 3, 5, 6, failed=(4, 7))


def test_unpack_is_the_inverse_of_pack() -> None:
    scalars, curves = WHOLE.pack()
    back = Columns.unpack(scalars, curves)
    assert back.images[3] == "n3/图3.JPEG"
    assert back.failures == WHOLE.failures
    assert back.scalars["target_name"].tolist() == ["x", "xx", "xxx", "xxxx", "xxxxxx", "xxxxxxx"]
    assert back.scalars["overall"].dtype == np.float64
    assert back.curves["insertion"].dtype == np.float32
    assert_equal(back, WHOLE)
    assert Columns.unpack(scalars).curves == {}


def test_empty_columns_survive_too() -> None:
    failed = Columns(failures=[{"index": 2, "image": "a", "reason": "b"}])
    assert Columns.unpack(*failed.pack()).failures == failed.failures
    assert len(Columns.merge([])) == 0


def test_any_split_in_any_order_merges_to_the_same() -> None:
    parts = [part(0, 1), part(2, 3, failed=(4,)), part(5), Columns(), part(6, failed=(7,))]
    for order in itertools.permutations(parts):
        assert_equal(Columns.merge(order), WHOLE)
    assert_equal(Columns.merge([Columns.merge(parts[3:]), Columns.merge(parts[:3])]), WHOLE)


def test_an_image_counted_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="more than one part"):
        Columns.merge([part(0, 1), part(1)])
    with pytest.raises(ValueError, match="more than one part"):
        Columns.merge([part(0, 1), part(failed=(1,))])


def test_parts_of_different_kinds_are_refused() -> None:
    other = Columns(indices=np.array([9]), images=["z"], scalars={"energy": np.array([1.0])})
    with pytest.raises(ValueError, match="different columns"):
        Columns.merge([part(0), other])
    with pytest.raises(ValueError, match="different lengths"):
        Columns(indices=np.array([1]), images=["a"], scalars={"overall": np.array([1.0, 2.0])})


def test_packed_objects_are_never_unpickled() -> None:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, indices=np.array([object()], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        Columns.unpack(buffer.getvalue())
