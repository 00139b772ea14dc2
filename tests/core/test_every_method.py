"""What holds for every method in the registry, on a network with BatchNorm, one with ReLUs in place, run twice and
as functions, and a vision transformer; with the methods' quick parameters.
"""

from __future__ import annotations

import gc
import re

import pytest
import torch

from saliency_core import create_method
from saliency_core.errors import ParameterError
from saliency_core.methods.applicability import why_not
from saliency_core.methods.registry import method_description, method_descriptions
from tests.core.every_method import (
    NETWORKS,
    SIZE,
    TARGETS,
    TOLERANCES,
    assert_close,
    brief,
    heap_in_use,
    network,
    photographs,
    quick,
    random_states,
    state_of,
    usual,
)

KEYS = [description.key for description in method_descriptions()]
_TRAITS = {name: network(name).traits() for name in NETWORKS}
REFUSED = [
    (key, name) for key in KEYS for name in NETWORKS if why_not(method_description(key), _TRAITS[name])
]
APPLICABLE = [(key, name) for key in KEYS for name in NETWORKS if (key, name) not in REFUSED]
ONCE = list({key: (key, name) for key, name in reversed(APPLICABLE)}.values())

# Maps of these do not vanish where the scores are the same for every picture, because they are not made of the
# scores alone: baselines by definition, RISE by its sum of random masks, masks that are searched by where they start.
INDEPENDENT = {"rise", "extremal_perturbation", "meaningful_perturbation"} | {
    item.key for item in method_descriptions() if item.family == "baseline"
}

everywhere = pytest.mark.parametrize(("key", "name"), APPLICABLE)
once = pytest.mark.parametrize(("key", "name"), ONCE)


@pytest.mark.parametrize("key", KEYS)
def test_applies_to_some_network(key: str) -> None:
    assert any(key == applicable for applicable, _ in APPLICABLE)


@pytest.mark.parametrize(("key", "name"), REFUSED)
def test_says_why_it_does_not_apply(key: str, name: str) -> None:
    reason = why_not(method_description(key), _TRAITS[name])
    assert reason is not None
    assert reason.startswith(method_description(key).title)
    assert name in reason
    assert "%" not in reason
    with pytest.raises(ParameterError, match=f"^{re.escape(reason)}$"):
        create_method(key, network(name))


@everywhere
def test_shape_type_finite_and_repeatable(key: str, name: str) -> None:
    explanation = usual(key, name)
    maps, degenerate = explanation.maps, explanation.degenerate
    assert (maps.shape, maps.dtype) == ((3, SIZE, SIZE), torch.float32)
    assert (degenerate.shape, degenerate.dtype) == ((3,), torch.bool)
    assert maps.isfinite().all()
    assert not maps.requires_grad
    assert not degenerate.all()
    assert maps[degenerate].eq(0).all()
    assert all(values.shape == (3,) and not values.requires_grad for values in explanation.extras.values())
    normalised = explanation.normalised()[~degenerate].flatten(1)
    assert normalised.amin(1).eq(0).all()
    assert normalised.amax(1).eq(1).all()
    images = photographs()
    again = quick(key, network(name)).explain(images, TARGETS)
    assert torch.equal(again.maps, maps)
    assert torch.equal(images, photographs())


@everywhere
def test_a_map_depends_on_its_own_image_only(key: str, name: str) -> None:
    """Alone, in another order and beside other images the map is the same."""
    expected, method, images = usual(key, name), quick(key, network(name)), photographs()
    tolerance = TOLERANCES.get((key, name), 1e-5)
    order = torch.tensor([2, 0, 1])
    mixed = method.explain(images[order], TARGETS[order])
    assert torch.equal(mixed.degenerate, expected.degenerate[order])
    for place, number in enumerate(order.tolist()):
        assert_close(mixed.maps[place], expected.maps[number], tolerance)
    others = torch.cat([photographs(1, seed=7) * 3, images[1:2]])
    beside = method.explain(others, torch.tensor([4, 0]))
    assert_close(beside.maps[1], expected.maps[1], tolerance)
    alone = method.explain(images[:1], TARGETS[:1])
    assert_close(alone.maps[0], expected.maps[0], tolerance)
    for what, values in alone.extras.items():
        torch.testing.assert_close(values[0], expected.extras[what][0], rtol=1e-3, atol=1e-5)


@everywhere
def test_leaves_everything_as_it_was(key: str, name: str) -> None:
    classifier = network(name)
    model = classifier.model
    model.requires_grad_(True)  # elsewhere in these tests they are frozen
    next(model.parameters()).requires_grad_(False)
    model.train()
    next(model.children()).eval()
    before, random_before = state_of(model), random_states()
    quick(key, classifier).explain(photographs(2), TARGETS[:2])
    after, random_after = state_of(model), random_states()
    for what in before.keys() - {"values"}:
        assert after[what] == before[what], what
    assert after["values"].keys() == before["values"].keys()
    for what, values in before["values"].items():
        assert torch.equal(after["values"][what], values), what
    for what, value in random_before.items():
        assert random_after[what] == value, what


@everywhere
def test_works_for_callers_without_gradients(key: str, name: str) -> None:
    expected, classifier = usual(key, name).maps, network(name)
    with torch.inference_mode():
        inside = quick(key, classifier).explain(photographs() * 1.0, TARGETS * 1).maps
    assert torch.equal(inside, expected)
    with torch.no_grad():
        assert torch.equal(quick(key, classifier).explain(photographs(), TARGETS).maps, expected)


@everywhere
def test_a_dead_network_and_undefined_images_give_flagged_zeros(key: str, name: str) -> None:
    classifier = network(name)
    undefined = photographs()
    undefined[1, 0, 3, 4] = float("nan")
    explanation = quick(key, classifier).explain(undefined, TARGETS)
    assert explanation.degenerate[1]
    assert explanation.maps.isfinite().all()
    for number in (0, 2):
        assert_close(
            explanation.maps[number], usual(key, name).maps[number], TOLERANCES.get((key, name), 1e-5)
        )
    for parameter in classifier.model.parameters():
        parameter.data.zero_()
    dead = quick(key, classifier).explain(photographs(), TARGETS)
    assert dead.maps.isfinite().all()
    assert dead.maps[dead.degenerate].eq(0).all()
    if key not in INDEPENDENT:
        assert dead.degenerate.all()


@everywhere
def test_a_constant_image_gives_a_finite_map(key: str, name: str) -> None:
    constant = torch.zeros(2, 3, SIZE, SIZE)
    constant[1] = 0.7
    explanation = quick(key, network(name)).explain(constant, TARGETS[:2])
    assert explanation.maps.isfinite().all()
    flat = explanation.maps.flatten(1)
    assert torch.equal(explanation.degenerate, flat.amax(1) == flat.amin(1))


@once
def test_keeps_no_tensors(key: str, name: str) -> None:
    method, images = quick(key, network(name)), photographs()

    def alive() -> int:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    gc.collect()
    gc.freeze()  # what was there before need not be looked through
    try:
        method.explain(images, TARGETS)
        before = alive()
        for _ in range(2):
            method.explain(images, TARGETS)
        assert alive() <= before
    finally:
        gc.unfreeze()


@once
@pytest.mark.slow
def test_memory_does_not_grow_over_200_images(key: str, name: str) -> None:
    """Nothing is left of 50 batches of four images, neither objects nor memory that no object owns."""
    method = brief(key, network(name))
    batches = [(photographs(4, seed=2 * number), torch.arange(4)) for number in range(8)]

    def kept() -> tuple[int, int | None]:
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects()), heap_in_use()

    gc.collect()
    gc.freeze()
    try:
        for images, targets in batches:  # fills what is kept on purpose: masks for all images, buffers
            method.explain(images, targets)
        tensors, heap = kept()
        for number in range(50):
            method.explain(*batches[number % len(batches)])
        tensors_after, heap_after = kept()
    finally:
        gc.unfreeze()
    assert tensors_after <= tensors
    if heap is not None and heap_after is not None:
        # Seen: at most 6 kB. One map of an image has 4 kB, so one kept for each would be 800 kB.
        assert heap_after - heap < 50_000


@pytest.mark.parametrize(
    ("key", "name"), [(key, name) for key, name in APPLICABLE if name in ("batch_norm", "transformer")]
)
def test_scores_of_independent_classes(key: str, name: str) -> None:
    explanation = quick(key, network(name, "sigmoid")).explain(photographs(), TARGETS)
    assert explanation.maps.isfinite().all()
    assert not explanation.degenerate.all()


@pytest.mark.parametrize(("key", "name"), [pair for pair in APPLICABLE if pair[1] == "batch_norm"])
def test_images_that_are_not_square(key: str, name: str) -> None:
    explanation = quick(key, network(name)).explain(photographs(2, (40, 48)), TARGETS[:2])
    assert explanation.maps.shape == (2, 40, 48)
    assert explanation.maps.isfinite().all()


@once
def test_wrong_input_is_refused(key: str, name: str) -> None:
    method = quick(key, network(name))
    for shape, targets, message in (
        ((3, SIZE, SIZE), [0], "shape"),
        ((1, 1, SIZE, SIZE), [0], "shape"),
        ((0, 3, SIZE, SIZE), [0], "shape"),
        ((2, 3, SIZE, SIZE), [0], "one target per image"),
        ((1, 3, SIZE, SIZE), [5], "between 0 and 4"),
        ((1, 3, SIZE, SIZE), [-1], "between 0 and 4"),
    ):
        with pytest.raises(ParameterError, match=message):
            method.explain(torch.zeros(shape), torch.tensor(targets))


@pytest.mark.parametrize("key", KEYS)
def test_describes_itself_completely(key: str) -> None:
    description = method_description(key)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", description.key)
    assert description.title
    assert description.paper
    assert description.summary.endswith(".")
    for parameter in description.parameters:
        assert parameter.title
        assert parameter.help
        assert parameter.source
        if parameter.default is not None:
            assert parameter.validate(parameter.text(parameter.default)) == parameter.validate(
                parameter.default
            )
    usual_work = description.work({}).forward_equivalents
    assert usual_work > 0 or description.family == "baseline"
    assert description.work(description.quick).forward_equivalents <= usual_work
    for preset in description.presets:
        assert description.work(description.preset(preset)).forward_equivalents > 0
