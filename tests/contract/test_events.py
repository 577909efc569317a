"""Every event in the code is in the list of events; what is made from the list is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from damascus.domain import event_pages
from damascus.domain.events import EVENTS, EventType
from damascus.state.schema import schema_sql
from damascus.state.sql import statements

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


def test_every_statement_writes_events_by_the_one_function_where_it_is_sure_to_run():
    nouns = [path.stem for path in (ROOT / "src/damascus/state").glob("*.sql")]
    written = {f"{noun}.{name}": text for noun in nouns for name, text in statements(noun).items()}
    assert any("emit_event" in statement for statement in written.values())
    for name, statement in written.items():
        assert "INSERT INTO events_outbox" not in statement, name
        selected = re.search(r"AS (MATERIALIZED )?\(\s*SELECT[^()]*emit_event", statement)
        assert selected is None, f"{name}: a WITH query that only selects may never run"


def test_the_schema_knows_the_types_of_the_list():
    text = schema_sql()
    assert text == event_pages.with_check(text), "run `make docs`, and write a migration"


@pytest.mark.parametrize(
    ("file", "made"),
    [(event_pages.PAGE, event_pages.page), (event_pages.TYPES, event_pages.typescript)],
)
def test_what_is_made_from_the_list_is_current(file, made):
    assert (ROOT / file).read_text("utf-8") == made(), "run `make docs`"
