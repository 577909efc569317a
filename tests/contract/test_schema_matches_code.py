"""The schema and the code say the same words; what is generated is current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from damascus.domain import diagram
from damascus.domain.work import IssueKind, Phase, Verdict
from damascus.state.schema import VERSION, schema_sql
from damascus.state.sql import statements

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "words"), [("work_phase", Phase), ("work_verdict", Verdict), ("issue_kind", IssueKind)]
)
def test_an_enum_of_the_schema_has_the_values_of_the_code(name, words):
    found = re.search(rf"CREATE TYPE {name} AS ENUM\s*\(([^)]*)\)", schema_sql())
    assert found
    assert re.findall(r"'(\w+)'", found[1]) == [word.value for word in words]


def test_the_schema_carries_the_version_the_code_expects():
    assert f"damascus_schema (version) VALUES ({VERSION})" in schema_sql()


def test_the_shipped_schema_is_the_one_at_the_top_of_the_repository():
    assert schema_sql() == (ROOT / "schema.sql").read_text("utf-8")


def test_every_statement_there_is_used_and_every_one_used_is_there():
    state = ROOT / "src/damascus/state"
    nouns = sorted(file.stem for file in state.glob("*.sql") if file.stem != "schema")
    there = {f"{noun}.{name}" for noun in nouns for name in statements(noun)}
    named: set[str] = set()
    for file in (ROOT / "src/damascus").rglob("*.py"):
        text = file.read_text("utf-8")
        named |= set(re.findall(rf'"((?:{"|".join(nouns)})\.\w+)"', text))
        if file.parent.name in ("state", "audit"):  # a snapshot adds its noun by itself
            named |= {f"audit.{word}" for word in re.findall(r'"(\w+)"', text)} & there
    assert there ^ named == set()


def test_the_page_about_the_state_machine_is_current():
    page = (ROOT / "docs/state-machine.md").read_text("utf-8")
    assert page == diagram.document(), "run `make docs`"
