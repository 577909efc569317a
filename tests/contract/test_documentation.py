"""What the pages point at is there: tests by name, files of this repository, headings."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    str(page.relative_to(ROOT)): page.read_text("utf-8")
    for page in sorted(
        [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "skills").glob("*.md")]
    )
}
TEST = re.compile(r"\b(tests/[\w/]+\.py)::(\w+)")
FILE = re.compile(r"`((?:src|tests|benchmarks|scripts|docs|docker|skills|ui)/[\w./-]*\w)[/:`]")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    return frozenset(n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))


def anchors(text: str) -> set[str]:
    """The anchors that a forge gives to the headings of a page."""
    headings = re.findall(r"(?m)^#+ (.*)$", text)
    return {re.sub(r"[^\w\s-]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES)
def test_a_test_that_a_page_names_exists(page: str) -> None:
    missing = [
        f"{file}::{name}"
        for file, name in sorted(set(TEST.findall(PAGES[page])))
        if not (ROOT / file).is_file() or name not in functions(file)
    ]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_a_file_that_a_page_names_exists(page: str) -> None:
    named = set(FILE.findall(PAGES[page]))
    assert not sorted(one for one in named if not (ROOT / one).exists())


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_page_and_a_heading(page: str) -> None:
    broken: list[str] = []
    for target, anchor in LINK.findall(PAGES[page]):
        if re.match(r"\w+:", target):
            continue
        found = (ROOT / page).parent / target if target else ROOT / page
        wanted = anchor and found.suffix == ".md"
        if not found.exists() or (wanted and anchor not in anchors(found.read_text("utf-8"))):
            broken.append(f"{target}#{anchor}")
    assert not broken
