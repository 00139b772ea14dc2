from __future__ import annotations

from pathlib import Path

import pytest

from saliency_core.datasets.mapping import ClassMapping, parse_class_mapping, read_class_mapping
from saliency_core.errors import DatasetError

NAMES = ("tench", "crane", "crane", "Tabby", "tabby cat", "ox", "brown bear", "TV", "tv")
IDS = ("n01", "n02", "n03", "n04", "n05", "n06", "n07", "n08", "n09")


def classes(label: str, **explicit: tuple[str, ...]) -> tuple[int, ...]:
    return ClassMapping.for_labels([label], NAMES, IDS, explicit).classes_of(label)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("n03", (2,)),
        ("tench", (0,)),
        ("Tabby", (3,)),
        ("tabby", (3,)),
        ("TENCH", (0,)),
        ("N05", (4,)),
        ("TV", (7,)),
        ("tv", (8,)),
        ("Tv", ()),  # two outputs without regard to case
        ("crane", ()),  # two outputs of that name
        ("5", (5,)),
        ("9", ()),  # there are outputs 0 to 8
        ("cow", ()),
        ("", ()),
    ],
)
def test_what_a_label_means(label: str, expected: tuple[int, ...]) -> None:
    assert classes(label) == expected


def test_an_id_is_looked_at_before_a_name_and_a_name_before_a_number() -> None:
    assert ClassMapping.for_labels(["b"], ["b", "a"], ["a", "b"]).classes_of("b") == (1,)
    assert ClassMapping.for_labels(["1"], ["1", "a", "b"]).classes_of("1") == (0,)


def test_the_mapping_file_decides() -> None:
    assert classes("cow", cow=("ox",)) == (5,)
    assert classes("cat", cat=("n04", "tabby cat", "n04")) == (3, 4)
    assert classes("tench", tench=("5",)) == (5,)
    assert classes("cow", cow=("ox", "yak")) == ()


def test_unmapped_left_out_and_unused() -> None:
    explicit = {"person": (), "dog": ("yak",), "sofa": ("ox",)}
    mapping = ClassMapping.for_labels(["tench", "person", "dog", "crane", "dog"], NAMES, IDS, explicit)
    assert mapping.unmapped == ("dog", "crane")
    assert mapping.left_out == ("person",)
    assert mapping.unused == ("sofa",)
    assert mapping.classes_of("person") == mapping.classes_of("dog") == mapping.classes_of("nothing") == ()
    assert dict(mapping.reasons) == {
        "dog": "The model has no output 'yak' (given for 'dog').",
        "crane": "'crane' stands for 2 outputs: 1 (n02), 2 (n03).",
    }


def test_all_missing_classes_are_named_at_once() -> None:
    with pytest.raises(DatasetError) as raised:
        ClassMapping.for_labels(["cow", "tench", "bear", "crane", "tabbi"], NAMES, IDS).require_all()
    assert str(raised.value) == (
        "These classes have no output in this model: cow, bear, crane, tabbi. Give a mapping file (CSV with the "
        "columns label,class) or leave these classes out (an empty class in that file). 'crane' stands for 2 "
        "outputs: 1 (n02), 2 (n03). Outputs with similar names: bear: 'brown bear'; tabbi: 'Tabby'."
    )
    ClassMapping.for_labels(["tench", "cow"], NAMES, IDS, {"cow": ()}).require_all()


def test_mapping_files(tmp_path: Path) -> None:
    csv = tmp_path / "classes.csv"
    csv.write_text(
        "\ufefflabel,class,note\ncat,n04,x\ncat, tabby cat\n牛,ox\nperson,\ncat,n04\n,\n", encoding="utf-8"
    )
    expected = {"cat": ("n04", "tabby cat"), "牛": ("ox",), "person": ()}
    assert read_class_mapping(csv) == expected
    json = tmp_path / "classes.json"
    json.write_text(
        '{"cat": ["n04", "tabby cat"], "牛": "ox", "person": null, "dog": 7, "cow": []}', encoding="utf-8"
    )
    assert read_class_mapping(json) == expected | {"dog": ("7",), "cow": ()}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "cat,tabby\n", r"names the columns label and class"),
        ("a.csv", "label,class\n", r"names no label"),
        ("a.csv", b"\xff\xfe", r"cannot be read as text in UTF-8"),
        ("a.json", "[1]", r"must hold"),
        ("a.json", '{"cat": {"a": 1}}', r"must hold"),
        ("a.json", '{"cat": [true]}', r"must hold"),
        ("a.json", "{", r"not readable JSON"),
        ("a.json", "[" * 100_000, r"not readable JSON"),
        ("missing.csv", None, r"cannot be read"),
    ],
)
def test_damaged_mapping_files(name: str, text: str | bytes | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DatasetError, match=message):
        read_class_mapping(tmp_path / name)


def test_text_at_hand_is_read_as_a_file_is() -> None:
    assert parse_class_mapping("\ufefflabel,class\ncat,n1\ncat,n2\nperson,\n") == {
        "cat": ("n1", "n2"),
        "person": (),
    }
    assert parse_class_mapping(' {"cat": ["n1", 2], "person": null}') == {"cat": ("n1", "2"), "person": ()}
    with pytest.raises(
        DatasetError, match="The mapping file pasted must begin with a line that names the columns"
    ):
        parse_class_mapping("cat,n1", "pasted")
    with pytest.raises(DatasetError, match="names no label"):
        parse_class_mapping("label,class\n")
