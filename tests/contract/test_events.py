"""Every event in the code is in the list of events; what is made from the list is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from damascus.domain import event_pages
from damascus.domain.events import EVENTS, EventType

ROOT = Path(__file__).parents[2]
_TYPE = re.compile(r"""["']((?:work|gate|project|issue|relay)\.[a-z_]+)["']""")


def _named_in(*folders: str, suffixes: tuple[str, ...]) -> dict[str, set[str]]:
    """The types of events named in the files below `folders`, with the files that name them."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes and "node_modules" not in path.parts:
                for name in _TYPE.findall(path.read_text("utf-8")):
                    found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    return found


def test_the_list_describes_every_type_once():
    assert list(EVENTS) == list(EventType)


def test_an_event_that_the_code_or_the_page_names_is_in_the_list():
    named = _named_in("src/damascus", "ui/src", suffixes=(".py", ".sql", ".ts", ".tsx"))
    unknown = {name: files for name, files in named.items() if name not in set(EventType)}
    assert unknown == {}


@pytest.mark.parametrize(
    ("file", "made"),
    [(event_pages.PAGE, event_pages.page), (event_pages.TYPES, event_pages.typescript)],
)
def test_what_is_made_from_the_list_is_current(file, made):
    assert (ROOT / file).read_text("utf-8") == made(), "run `make docs`"
