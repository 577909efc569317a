"""A field of the policy is declared in one place, and is then at every door.

A new interpreter declares one more field, before any door is imported, and looks for it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

ONE_MORE_FIELD = """
from dataclasses import dataclass
import pytest

from damascus.domain import policy

@dataclass(frozen=True, slots=True, kw_only=True)
class Wider(policy.Policy):
    review_rounds: int = policy.declare(
        policy.Kind.INTEGER, "Rounds of review.", default=3, metavar="N", least=1, most=9
    )

policy.Policy = Wider
policy.FIELDS = policy.fields_of(Wider)
"""

pytestmark = pytest.mark.processes


def declared(look: str) -> None:
    """Run `look` where the policy has one more field; it asserts."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE_FIELD + look], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_new_field_is_an_option_of_the_command_line():
    declared("""
import typer
from damascus.cli.app import app
project = typer.main.get_command(app).commands["project"]
for name in ("add", "change"):
    options = {word for one in project.commands[name].params for word in one.opts}
    assert "--review-rounds" in options, options
""")


def test_a_new_field_is_in_the_schemas_of_http_and_mcp():
    declared("""
from pydantic import create_model
from damascus.domain import policy_schema
for fields in (policy_schema.accepted(), policy_schema.shown()):
    schema = create_model("Body", **fields).model_json_schema()
    assert schema["properties"]["review_rounds"]["description"] == "Rounds of review. Default: 3."
""")


def test_a_new_field_is_checked_kept_and_handed_to_the_phases():
    declared("""
from damascus.domain.work import Project
kept = policy.changes({"review_rounds": 5})
assert kept.policy == {"review_rounds": 5}
try:
    policy.changes({"review_rounds": 10})
    raise SystemExit("10 is too many")
except policy.PolicyValueError as error:
    assert "from 1 to 9" in str(error)
values = policy.loaded(kept.policy, {})
project = Project(id=1, name="a", forge="local", repo="/r", base_branch="main", **values)
assert project.review_rounds == 5
""")
