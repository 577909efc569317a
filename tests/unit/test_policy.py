"""The policy's fields: what each takes, what it refuses, and how it comes back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from pydantic import ValidationError, create_model

from damascus.domain import policy, policy_schema, services
from damascus.domain.work import Project

BUILDERS = {"builders": ("claude", "mini")}


def test_a_command_may_come_as_a_line_or_as_its_words():
    line = policy.changes({"test_command": "pytest -q 'a b'"})
    words = policy.changes({"test_command": ["pytest", "-q", "a b"]})
    assert line == words
    assert line.policy == {"test_command": ["pytest", "-q", "a b"]}


def test_what_has_a_column_is_kept_apart_from_the_policy():
    said = policy.changes({"budget_usd": "2.50", "merge_style": "squash", "budget_cycles": 4})
    assert said.policy == {"merge_style": "squash"}
    assert said.columns == {"budget_usd": Decimal("2.50"), "budget_cycles": 4}


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("test_command", "pytest | tee", "no shell"),
        ("test_command", "pytest 'x", "not quoted well"),
        ("test_command", [], "is empty"),
        ("test_programs", [" go"], "blanks around it"),
        ("test_timeout_seconds", 0, "from 1 to 86400, not 0"),
        ("test_timeout_seconds", True, "not a whole number"),
        ("test_network", "yes", "is not a list"),
        ("test_network", ["all", "a.example"], "not both"),
        ("test_network", ["https://a.example"], "is no host name"),
        ("agent_hosts", ["a b"], "is no host name"),
        ("protected_paths", ["ci/**", "!.github/**"], "'!.github/**' takes protection back"),
        ("protected_paths", ["[z-a]"], "'[z-a]' is no glob"),
        ("merge_style", "rebase", "one of merge, squash"),
        ("builder", "nobody", "one of claude, mini"),
        ("setup_commands", ["  "], "is empty"),
        ("setup_commands", "npm ci", "is not a list"),
        ("service_commands", ["redis-server"], "'redis-server' is not PORT: COMMAND"),
        ("service_commands", ["6379:"], "is not PORT: COMMAND"),
        ("service_commands", ["70000: x"], "a port that is not from 1 to 65535"),
        ("service_commands", ["0: x"], "a port that is not from 1 to 65535"),
        ("service_commands", ["80: a", "80:b"], "names the port 80 twice"),
        ("service_commands", ["80: a\nb"], "is empty or has blanks"),
        ("service_commands", "80: a", "is not a list"),
        ("service_timeout_seconds", 0, "from 1 to"),
        ("variables", ["TOKEN"], "'TOKEN' is not NAME=VALUE"),
        ("variables", ["1A=x"], "'1A' is no name of a variable"),
        ("variables", ["LD_PRELOAD=/x"], "'LD_PRELOAD' is reserved"),
        ("variables", ["DAMASCUS_HOME=/x"], "is reserved"),
        ("variables", ["PATH=bin:/usr/bin"], "must all be absolute"),
        ("variables", ["A=b\0"], "NUL"),
        ("registry_hosts", ["https://a.example"], "is no host name"),
        ("registry_hosts", ["a b"], "is no host name"),
        ("secret_variables", ["A=b"], "is no name of a variable"),
        ("secret_variables", ["../x"], "is no name of a variable"),
        ("conventions", "  \n", "is empty"),
        ("conventions", "x" * 12_001, "has 12,001 characters; at most 12,000"),
        ("conventions", "a\x00b", "NUL"),
        ("conventions", "\ud800", "surrogate"),
        ("budget_usd", "-1", "from 0 to"),
        ("budget_usd", "1.00001", "four decimal places"),
        ("budget_usd", "NaN", "from 0 to"),
        ("budget_usd", "much", "not an amount"),
    ],
)
def test_a_value_that_a_field_cannot_have_is_refused_with_a_sentence(name, value, why):
    with pytest.raises(policy.PolicyValueError) as caught:
        policy.changes({name: value}, choices=BUILDERS)
    assert caught.value.field.name == name
    assert why in caught.value.problem


def test_a_field_that_nobody_knows_is_refused_with_those_that_are_known():
    with pytest.raises(policy.PolicyFieldUnknownError, match="merge_style") as caught:
        policy.changes({"merge_stile": "squash"})
    assert caught.value.name == "merge_stile"
    with pytest.raises(policy.PolicyFieldUnknownError):
        policy.changes({}, unset=["nothing"])


def test_a_field_cannot_be_given_and_unset_at_once():
    with pytest.raises(policy.PolicyFieldTwiceError):
        policy.changes({"conventions": "x"}, unset=["conventions"])


def test_what_is_kept_makes_the_project_and_what_is_not_gets_its_default():
    kept = policy.changes({"test_command": "pytest -q", "max_concurrency": 2})
    values = policy.loaded(kept.policy, kept.columns)
    project = Project(id=1, name="a", forge="local", repo="/r", base_branch="main", **values)
    assert project.test_command == ("pytest", "-q")
    assert (project.max_concurrency, project.test_timeout_seconds) == (2, 900)
    assert project.protected_policy == "fail"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (True, ["all"]),
        (False, ["none"]),
        (["ALL"], ["all"]),
        (["A.example:8443", ".b.example"], ["a.example:8443", ".b.example"]),
    ],
)
def test_the_network_of_tests_is_a_word_or_hosts_and_the_flag_it_was_is_still_read(given, kept):
    said = policy.changes({"test_network": given})
    assert said.policy == {"test_network": kept}
    for stored in (given, kept):
        values = policy.loaded({"test_network": stored}, {})
        assert [word.lower() for word in values["test_network"]] == kept
    assert policy.as_kept({"test_network": given, "builder": "mini"})["builder"] == "mini"
    assert policy.as_kept({"test_network": True}) == {"test_network": ["all"]}


def test_the_schema_of_the_doors_refuses_what_the_policy_refuses():
    model = create_model("Given", **policy_schema.accepted())
    assert model(budget_usd="1.5", test_command=["make"]).budget_usd == Decimal("1.5")
    for name, value in (
        ("test_command", ["a", "|", "b"]),
        ("test_timeout_seconds", 86_401),
        ("merge_style", "rebase"),
        ("test_network", "yes"),
        ("conventions", "x" * 12_001),
        ("budget_usd", "1.00001"),
        ("protected_paths", ["a\\"]),
    ):
        with pytest.raises(ValidationError):
            model(**{name: value})


def test_a_service_is_a_port_and_a_line_whatever_the_line_holds():
    given = ["6379: redis-server --port 6379", "5432:exec a:b 'c: d'"]
    kept = policy.changes({"service_commands": given}).policy["service_commands"]
    assert services.parsed(kept) == (
        services.Service(6379, "redis-server --port 6379"),
        services.Service(5432, "exec a:b 'c: d'"),
    )
