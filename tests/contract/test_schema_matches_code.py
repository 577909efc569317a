"""The schema and the code say the same words; what is generated is current."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from damascus.domain import diagram
from damascus.domain.work import IssueKind, Phase, Verdict
from damascus.state.migrate import migrations
from damascus.state.schema import VERSION, schema_sql
from damascus.state.sql import statements
from damascus.state.version import PROGRAM, REFUSED

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "words"), [("work_phase", Phase), ("work_verdict", Verdict), ("issue_kind", IssueKind)]
)
def test_an_enum_of_the_schema_has_the_values_of_the_code(name, words):
    found = re.search(rf"CREATE TYPE {name} AS ENUM\s*\(([^)]*)\)", schema_sql())
    assert found
    assert re.findall(r"'(\w+)'", found[1]) == [word.value for word in words]


def test_the_schema_carries_the_version_the_code_expects():
    assert f"damascus_schema (version, name) VALUES ({VERSION}, 'schema.sql')" in schema_sql()


def test_the_schema_refuses_every_version_but_the_one_the_code_expects():
    assert f"known <> {VERSION} THEN" in schema_sql()
    assert f"current_setting('application_name') <> '{PROGRAM}'" in schema_sql()
    assert f"ERRCODE = '{REFUSED}', DETAIL = '{VERSION}'" in schema_sql()


def test_a_change_of_the_schema_comes_with_a_migration():
    """The newest migration says which schema it leads to; who changes the one changes the other.

    That it does lead there is tested with a database, in tests/integration/test_migrations.py.
    """
    newest = migrations()[-1]
    assert newest.version == VERSION
    plain = " ".join(re.sub(r"--.*", "", schema_sql()).split())
    stamp = f"-- Leads to the schema.sql of {hashlib.sha256(plain.encode()).hexdigest()[:16]}"
    file = ROOT / f"src/damascus/state/migrations/{newest.name}.sql"
    assert file.read_text("utf-8").splitlines()[0] == stamp, (
        "schema.sql was changed: bring what changed into a new migration (or into the newest one, "
        "if no release has it), raise VERSION with a new one, and make this its first line"
    )


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
