"""Every hostile input: none runs code, none ends the process, none leaves anything behind, each is told clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hostile.cases import CANARY, TAKEN, Group, groups, outcome

COUNTS = {
    "Pickled weights": 47,
    "Programs in the place of weights": 8,
    "safetensors": 25,
    "Archives and other files in the place of weights": 18,
    "ONNX": 55,
    "Images": 45,
    "Archives of data sets": 44,
}
LEAST = 120


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="module")
def all_groups(workshop: Path) -> list[Group]:
    return groups(workshop)


def test_there_are_enough_of_them(all_groups: list[Group]) -> None:
    assert {group.title: len(group.cases) for group in all_groups} == COUNTS
    assert sum(COUNTS.values()) >= LEAST
    for group in all_groups:
        names = [case.name for case in group.cases]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("title", list(COUNTS))
def test_each_is_refused_in_a_sentence_or_is_harmless(
    title: str, all_groups: list[Group], workshop: Path, tmp_path: Path
) -> None:
    group = next(group for group in all_groups if group.title == title)
    wrong = []
    for case in group.cases:
        said = outcome(case, group.meet, tmp_path)
        clear = 20 < len(said) < 2000 if said != TAKEN else case.says == TAKEN
        if case.says not in said or not clear:
            wrong.append((case.name, said))
        assert not (workshop / CANARY).exists(), case.name
    assert wrong == []
