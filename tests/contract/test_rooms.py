"""The pages that name rooms and words agree with the tree."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def first_column(page: str, heading: str) -> list[str]:
    """The first cells of the table below `heading` of a page of the documentation."""
    text = (ROOT / "docs" / page).read_text("utf-8").partition(heading)[2]
    table = text.partition("|---|")[2].partition("\n\n")[0]
    return re.findall(r"^\| *([^|]+?) *\|", table, re.MULTILINE)


def floors() -> list[str]:
    """Every room in the order of the layer contract, from the doors down."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = config["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one["type"] == "layers")
    return [room for layer in layers for room in re.split(r"\s*[|:]\s*", layer)]


def test_the_architecture_page_has_one_row_for_every_room():
    rooms = [name.strip("`") for name in first_column("architecture.md", "## Rooms")]
    assert set(floors()) - set(rooms) == set(), "rooms that docs/architecture.md does not name"
    assert set(rooms) - set(floors()) == set(), "rows for rooms that are not there"
    assert sorted(set(rooms)) == sorted(rooms)


def test_the_drawing_of_the_rooms_shows_every_floor():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8").partition("## Rooms")[2]
    drawing = text.split("```")[1]
    without_labels = re.sub(r"^ [a-z]+", "", drawing, flags=re.MULTILINE)
    drawn = set(re.findall(r"[a-z_]+", without_labels))
    small = {"__main__", "litellm_import"}
    assert set(floors()) - drawn - small == set(), "rooms that stand in no floor of the drawing"
    assert drawn - set(floors()) == set(), "drawn rooms that are not there"


def test_the_glossary_has_each_word_once_and_is_linked():
    words = first_column("glossary.md", "# The words")
    assert len(words) == len(set(words)) >= 20
    for page in ("README.md", "docs/architecture.md"):
        assert "glossary.md" in (ROOT / page).read_text("utf-8"), page
