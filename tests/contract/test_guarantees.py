"""No promise without a test, no test that is only named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from damascus.sandbox import Bounds
from damascus.sandbox.run import machine_memory

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
SECTIONS = dict(
    re.findall(r"^## (I\d+) · .*?\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
)
BESIDE = dict(
    re.findall(r"^## (?!I\d)(.*?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_the_promises_stand_in_the_order_of_their_numbers_and_none_is_gone() -> None:
    numbers = [int(promise.removeprefix("I")) for promise in SECTIONS]
    assert numbers == sorted(set(numbers))
    assert numbers[:13] == list(range(1, 14))


@pytest.mark.parametrize("promise", SECTIONS)
def test_a_promise_says_what_it_rests_on_what_it_leaves_out_and_what_holds_it(
    promise: str,
) -> None:
    section = SECTIONS[promise]
    for word in ("*Rests on*", "*Does not cover*", "*Held by*"):
        assert section.count(word) == 1, f"{promise} says nothing after {word}"
    assert NAMED.search(section.partition("*Held by*")[2]), f"{promise} has no test"


@pytest.mark.parametrize("title", BESIDE)
def test_what_is_said_beside_the_promises_has_its_limits_and_its_tests_too(title: str) -> None:
    section = BESIDE[title]
    for word in ("*Does not cover*", "*Held by*"):
        assert section.count(word) == 1, f"{title} says nothing after {word}"
    assert NAMED.search(section.partition("*Held by*")[2]), f"{title} has no test"


def test_the_bounds_on_the_page_are_those_of_the_code() -> None:
    bounds = Bounds()
    table = BESIDE["What one command may use"]
    for told in (
        f"{bounds.file_bytes >> 30} GiB",
        f"{bounds.processes} at once",
        f"{bounds.disk_bytes >> 30} GiB, {bounds.disk_files:,} files",
        f"{bounds.tmp_bytes >> 30} GiB each",
    ):
        assert told in table
    assert bounds.together_bytes == machine_memory() // 4 * 3


def test_nothing_else_on_the_page_looks_like_a_test() -> None:
    assert PAGE.count("::") == len(NAMED.findall(PAGE))
