from __future__ import annotations

import re

import pytest

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import create_experiment
from saliency_core.output.latex import (
    Style,
    escaped,
    matrix_table,
    table_3_2,
    table_3_3,
    table_4_2,
    table_4_4,
)
from saliency_core.output.summarised import Summarised
from tests.core.output.factory import one, with_figures


def check_balance(text: str) -> None:
    """Raises AssertionError unless environments, braces and dollars pair and all rows have as many cells."""
    plain = re.sub(r"\\[\\%&#_${}]", "", text.replace(r"\\", "\x00"))
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    stack: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([a-z*]+)\}", text):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    layout = re.search(r"\\begin\{tabular\}\{([lr]+)\}", text)
    assert layout is not None
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert rows
    for row in rows:
        cells = re.split(r"(?<!\\)&", row.removesuffix(r"\\"))
        spans = [re.match(r"\s*\\multicolumn\{(\d+)\}", cell) for cell in cells]
        assert sum(int(span[1]) if span else 1 for span in spans) == len(layout[1])


def insertion(title: str, values: tuple[float, float, float], **more: object) -> Summarised:
    figures = dict(zip(("insertion_auc", "deletion_auc", "overall"), values, strict=True))
    return with_figures(
        figures,
        create_experiment("insertion_deletion", "thesis@1"),
        method=title.lower(),
        title=title,
        **more,
    )


# Thesis, table 3-2.
METHODS = [
    insertion("Score-CAM", (0.5510, 0.1143, 0.4367)),
    insertion("CAMERAS", (0.4410, 0.0801, 0.3609)),
    insertion("MSG-CAM", (0.5452, 0.0978, 0.4474)),
]


def test_table_3_2() -> None:
    text = table_3_2(METHODS)
    assert text == (
        "\\begin{table*}[t]\n"
        "\\centering\n"
        "\\caption{Insertion and deletion. Values in \\%; 100 images; best in bold.}\n"
        "\\label{tab:insertion-deletion}\n"
        "\\begin{tabular}{lrrr}\n"
        "\\toprule\n"
        " & Score-CAM & CAMERAS & MSG-CAM \\\\\n"
        "\\midrule\n"
        "Insertion $\\uparrow$ & \\textbf{55.10} & 44.10 & 54.52 \\\\\n"
        "Deletion $\\downarrow$ & 11.43 & \\textbf{8.01} & 9.78 \\\\\n"
        "Over-all $\\uparrow$ & 43.67 & 36.09 & \\textbf{44.74} \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "\\end{table*}\n"
    )
    check_balance(text)


def test_intervals_second_best_marks_and_digits() -> None:
    style = Style("interval", second=True, marks={(1, "overall"): "**"}, marks_note="**: p < 0.01")
    text = matrix_table(METHODS, ("overall",), style=style, environment="")
    assert text.splitlines()[2:7] == [
        r"Method & Over-all $\uparrow$ \\",
        r"\midrule",
        r"Score-CAM & \underline{43.67} [42.67, 44.67] \\",
        r"CAMERAS & 36.09\textsuperscript{**} [35.09, 37.09] \\",
        r"MSG-CAM & \textbf{44.74} [43.74, 45.74] \\",
    ]
    half = matrix_table(METHODS, ("overall",), style=Style("half_width", digits=1), caption="50 % & more")
    assert r"\textbf{44.7} $\pm$ 1.0 \\" in half
    assert (
        "\\caption{50 \\% \\& more Values in \\%; 100 images; 95\\,\\% bootstrap intervals over images as $\\pm$ "
        "half of their width; best in bold.}"
    ) in half
    check_balance(half)
    assert r"**: p \textless{} 0.01." in table_3_2(METHODS, style)


def test_ties_share_the_mark_and_minus_is_a_minus() -> None:
    values = {"A": -0.12341, "B": -0.12339, "C": -0.2}
    results = [insertion(name, (0.5, 0.1, value)) for name, value in values.items()]
    text = matrix_table(results, ("overall",), environment="", style=Style(second=True))
    assert r"A & \textbf{$-$12.34} \\" in text
    assert r"B & \textbf{$-$12.34} \\" in text
    assert r"C & \underline{$-$20.00} \\" in text
    zero = [insertion("D", (0.5, 0.1, -0.00001)), insertion("E", (0.5, 0.1, -0.5))]
    assert r"D & \textbf{0.00} \\" in matrix_table(zero, ("overall",), environment="")


def test_what_has_no_better_end_or_no_rival_is_not_marked() -> None:
    assert "textbf" not in matrix_table([one(), one(method="a", title="A")], ("accuracy",))
    assert "textbf" not in matrix_table(METHODS[:1])


def test_table_3_3_has_data_sets_as_columns() -> None:
    experiment = create_experiment("pointing_game", "thesis@1")
    results = [
        with_figures(
            {"pointing_accuracy": value}, experiment, method=title, title=title, dataset=dataset, model=model
        )
        for title, values in (("Grad-CAM", (0.8304, 0.5550)), ("MSG-CAM", (0.8724, 0.5662)))
        for dataset, model, value in zip(("VOC07", "COCO14"), ("V", "C"), values, strict=True)
    ]
    text = table_3_3(results)
    assert text.splitlines()[4:14] == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r" & \multicolumn{1}{c}{VOC07} & \multicolumn{1}{c}{COCO14} \\",
        r"\cmidrule(lr){2-2}\cmidrule(lr){3-3}",
        r" & \multicolumn{1}{c}{V} & \multicolumn{1}{c}{C} \\",
        r"\cmidrule(lr){2-2}\cmidrule(lr){3-3}",
        r"Method & Pointing accuracy $\uparrow$ & Pointing accuracy $\uparrow$ \\",
        r"\midrule",
        r"Grad-CAM & 83.04 & 55.50 \\",
        r"MSG-CAM & \textbf{87.24} & \textbf{56.62} \\",
    ]
    check_balance(text)


def perturbation(
    model: str, title: str, target: bool, enhanced: bool, values: tuple[float, ...]
) -> Summarised:
    experiment = create_experiment("perturbation", "chefer-label@1" if target else "chefer@1")
    figures = dict(zip(("negative_auc", "positive_auc", "overall"), values, strict=True))
    return with_figures(figures, experiment, method=title, title=title, model=model, enhanced=enhanced)


def test_table_4_2() -> None:
    # Thesis, table 4-2, in part.
    results = [
        perturbation("ViT", "LRP", False, False, (0.4349, 0.4194, 0.0155)),
        perturbation("ViT", "LRP", False, True, (0.6269, 0.2751, 0.3518)),
        perturbation("ViT", "LRP", True, False, (0.4349, 0.4194, 0.0156)),
        perturbation("ViT", "LRP", True, True, (0.6476, 0.2645, 0.3831)),
        perturbation("ViT", "GradCAM", False, False, (0.4152, 0.3406, 0.0746)),
        perturbation("ViT", "GradCAM", False, True, (0.4754, 0.2699, 0.2055)),
        perturbation("VGG19", "GradCAM", False, False, (0.3808, 0.1215, 0.2593)),
    ]
    text = table_4_2(results)
    assert text.splitlines()[4:-2] == [
        r"\begin{tabular}{llrrrrrrrrrrrr}",
        r"\toprule",
        r" &  & \multicolumn{3}{c}{Predicted} & \multicolumn{3}{c}{Predicted + enhancement} & "
        r"\multicolumn{3}{c}{Target} & \multicolumn{3}{c}{Target + enhancement} \\",
        r"\cmidrule(lr){3-5}\cmidrule(lr){6-8}\cmidrule(lr){9-11}\cmidrule(lr){12-14}",
        "Model & Method" + r" & Neg. $\uparrow$ & Pos. $\downarrow$ & Over-all $\uparrow$" * 4 + r" \\",
        r"\midrule",
        r"ViT & LRP & \textbf{43.49} & 41.94 & 1.55 & \textbf{62.69} & 27.51 & \textbf{35.18} & "
        r"43.49 & 41.94 & 1.56 & 64.76 & 26.45 & 38.31 \\",
        r" & GradCAM & 41.52 & \textbf{34.06} & \textbf{7.46} & 47.54 & \textbf{26.99} & 20.55 & "
        r"-- & -- & -- & -- & -- & -- \\",
        r"\midrule",
        r"VGG19 & GradCAM & 38.08 & 12.15 & 25.93 & -- & -- & -- & -- & -- & -- & -- & -- & -- \\",
        r"\bottomrule",
    ]
    check_balance(text)


def test_table_4_4() -> None:
    experiment = create_experiment("segmentation", "chefer@1")
    keys = ("pixel_accuracy", "average_precision", "mean_iou")
    results = [
        with_figures(dict(zip(keys, values, strict=True)), experiment, method="LRP", title="LRP", enhanced=on)
        for on, values in ((False, (0.5109, 0.5568, 0.3289)), (True, (0.6934, 0.8088, 0.5037)))
    ]
    text = table_4_4(results)
    assert r" &  & \multicolumn{3}{c}{Base} & \multicolumn{3}{c}{+ enhancement} \\" in text
    assert (
        "Model & Method" + r" & Pixel acc. $\uparrow$ & mAP $\uparrow$ & mIoU $\uparrow$" * 2 + r" \\" in text
    )
    assert r"VGG19 & LRP & 51.09 & 55.68 & 32.89 & 69.34 & 80.88 & 50.37 \\" in text
    check_balance(text)


def test_what_differs_must_be_shown() -> None:
    other = insertion("Score-CAM", (0.5, 0.1, 0.4), dataset="COCO")
    with pytest.raises(ParameterError, match=r"data set \(COCO; Photos\), which the table does not show"):
        matrix_table([METHODS[0], other])
    rise = with_figures({"overall": 0.3}, create_experiment("insertion_deletion", "group-cam@1"))
    with pytest.raises(ParameterError, match=r"protocol \(insertion-deletion/group-cam@1; insertion-del"):
        matrix_table([METHODS[0], rise], ("overall",))
    assert "group-cam@1" in matrix_table([METHODS[0], rise], ("overall",), columns=("protocol", "figure"))
    with pytest.raises(ParameterError, match="would share a cell"):
        matrix_table([METHODS[0], METHODS[0]])
    with pytest.raises(ParameterError, match="no axis 'metod'"):
        matrix_table(METHODS, rows=("metod",))
    with pytest.raises(ParameterError, match="need 'figure' as rows or columns"):
        matrix_table(METHODS, columns=("dataset",))
    with pytest.raises(ParameterError, match="no figure 'overal'"):
        matrix_table(METHODS, ("overal",))


def test_alike_names_are_told_apart() -> None:
    results = [
        insertion("Grad-CAM", (0.5, 0.1, 0.4), parameters={"layer": layer, "relu": True})
        for layer in ("a_1", "b_2")
    ]
    text = matrix_table(results, ("overall",))
    assert r"Grad-CAM (layer=a\_1) & 40.00" in text.replace(r"\textbf{40.00}", "40.00")
    models = [insertion("A", (0.5, 0.1, 0.4), weights=digit * 64) for digit in "12"]
    assert "VGG19 (weights=11111111)" in matrix_table(models, ("overall",), rows=("model", "method"))


def test_special_characters_are_escaped() -> None:
    assert escaped(r"50% & $x_1$ #{a}\~^ <|>") == (
        r"50\% \& \$x\_1\$ \#\{a\}\textbackslash{}\textasciitilde{}\textasciicircum{} "
        r"\textless{}\textbar{}\textgreater{}"
    )
    assert escaped("Gradient × Input – 图\n2") == r"Gradient $\times$ Input -- 图 2"
    nasty = insertion("a & b_{c} % \\end{tabular}", (0.5, 0.1, 0.4))
    check_balance(matrix_table([nasty], caption="} \\end{table}"))


def test_the_check_of_balance_itself_finds_faults() -> None:
    good = table_3_2(METHODS)
    for bad in (good.replace("}\n", "\n", 1), good.replace(" & 44.10", ""), good.replace("$", "", 1),
                good.replace("\\end{tabular}\n", "")):  # fmt: skip
        with pytest.raises((AssertionError, IndexError)):
            check_balance(bad)


def test_a_row_that_begins_with_a_bracket_or_star_is_no_argument_of_the_line_before() -> None:
    from saliency_core.output.latex import _row

    assert _row(["[opt]", "1"]) == r"{}[opt] & 1 \\"
    assert _row(["*", "1"]) == r"{}* & 1 \\"
    assert _row(["plain", "1"]) == r"plain & 1 \\"
