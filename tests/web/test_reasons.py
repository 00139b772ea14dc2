"""Why something failed is said in the reader's language, whoever wrote it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.utils.translation import gettext, override

from saliency_core.datasets.archive_formats import REFUSALS
from tests.web import factories
from webapp.benchmarks.models import Benchmark
from webapp.reasons.sentences import SENTENCES
from webapp.reasons.showing import PLACEHOLDER, shown_reason
from workers import reconciler
from workers.claiming import claim_shard, deliver, fail_attempt

CHINESE = re.compile(r"[\u4e00-\u9fff（]")

# What can't become a reason of something that is shown: the command line, plots, the supervisor's own messages.
PASSED_OVER = {
    "cli",
    "cli_options.py",
    "output",
    "rendering",
    "statistics",
    "supervisor",
    "__main__.py",
    "sandbox",
}
NO_REASON = {
    "ArchiveError",
    "TypeError",
    "RuntimeError",
    "KeyError",
    "AttributeError",
    "IndexError",
    "ImportError",
}


def raised(repository: Path) -> Iterator[tuple[str, str]]:
    """(where, what is said there with its values as {}) of every error that the library and the workers raise."""
    for folder in ("saliency_core", "workers"):
        for source in (repository / folder).rglob("*.py"):
            if PASSED_OVER & set(source.relative_to(repository).parts):
                continue
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call) or not node.exc.args:
                    continue
                error = ast.unparse(node.exc.func).rpartition(".")[2]
                if error in NO_REASON or (error == "ValueError" and "datasets" not in source.parts):
                    continue
                for text in texts_of(node.exc.args[0]):
                    if re.search("[a-z]{3}", text.replace("{}", "")):
                        yield f"{source.name}:{node.lineno}", text


def texts_of(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return [*texts_of(node.body), *texts_of(node.orelse)]
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)]
    if isinstance(node, ast.BinOp):
        return [
            left + right for left in texts_of(node.left) or ["{}"] for right in texts_of(node.right) or ["{}"]
        ]
    return []


def test_every_error_that_is_raised_has_a_sentence(repository: Path) -> None:
    known = {
        re.sub(r"(\{\})+", "{}", PLACEHOLDER.sub("{}", text)) for text in (*SENTENCES, *REFUSALS.values())
    }
    found = list(raised(repository))
    assert len(found) > 200
    missing = [f"{place}: {text}" for place, text in found if re.sub(r"(\{\})+", "{}", text) not in known]
    assert missing == [], "add these to webapp/reasons/sentences.py, and their Chinese"


def test_every_sentence_is_chinese_for_chinese_readers_and_keeps_its_values() -> None:
    with override("zh-hans"):
        for text in (*SENTENCES, *REFUSALS.values()):
            shown = gettext(text)
            assert shown != text and CHINESE.search(shown), text
            values = [sorted(found[0] for found in PLACEHOLDER.finditer(each)) for each in (text, shown)]
            assert values[0] == values[1], text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The worker process stopped in the middle.", "工作进程中途停止。"),
        ("a.jpg cannot be decoded: broken.", "无法解码 a.jpg：broken。"),
        # A value that is a sentence itself, and one that says what was meant.
        (
            "What http://web sent of the data set can't be opened: The folder /x does not exist.",
            "无法打开 http://web 发送的数据集：文件夹 /x 不存在。",
        ),
        (
            "There is no method 'grad'; there are a, b. Did you mean 'a'?",
            "没有方法 'grad'；现有 a, b。您是否指 'a'？",
        ),
        # Several sentences, of which one is known.
        ("Add at least one method. Whatever else.", "请至少添加一个方法。Whatever else."),
        # What was left out of an archive, with another sentence as its reason.
        (
            "Not kept: fake.png is not a JPEG, PNG or WebP image.",
            "未保留：fake.png 不是 JPEG、PNG 或 WebP 图像。",
        ),
        (
            "Not kept: 2000 × 1001 pixels are too many; at most 2 million are taken.",
            "未保留：2000 × 1001 像素过多；最多接受 2 百万像素。",
        ),
        ("Not kept: not a JPEG, PNG or WebP image.", "未保留：不是 JPEG、PNG 或 WebP 图像。"),
        # A list, and what is no sentence of ours.
        (
            "The weights do not fit VGG: a [1] is missing; b is [2] instead of [3]; and 3 more.",
            "权重与 VGG 不符：缺少 a [1]；b 为 [2]，而应为 [3]；另有 3 个。",
        ),
        ("KeyError: 'fc'", "KeyError: 'fc'"),
        ("", ""),
    ],
)
def test_reasons_are_read_as_sentences_and_values(text: str, shown: str) -> None:
    assert shown_reason(text) == text
    with override("zh-hans"):
        assert shown_reason(text) == shown


@pytest.mark.django_db
def test_a_benchmarks_page_says_why_images_and_shards_failed(client: Client) -> None:
    benchmark = factories.running_benchmark(images=8, per_shard=4)
    node = factories.node()
    columns = factories.columns(0, 4, failed=(1,))
    columns.failures[0]["reason"] = "001.jpg is not a JPEG, PNG or WebP image."
    deliver(claim_shard(node), [columns], {})
    lost = claim_shard(node)
    fail_attempt(lost.shard_id, lost.fence, "The worker was not heard of any more.")
    reconciler.reconcile()
    Benchmark.objects.update(state="failed", problem="The layer x of VGG takes no part in the forward pass.")
    client.force_login(benchmark.owner)
    client.cookies["django_language"] = "zh-hans"
    page = client.get(f"/benchmarks/{benchmark.pk}/").content.decode()
    for text in (
        "001.jpg 不是 JPEG、PNG 或 WebP 图像。",
        "工作进程失去联系。",
        "VGG 的层 x 不参与前向传播。",
    ):
        assert text in page, text
    assert "was not heard of" not in page
