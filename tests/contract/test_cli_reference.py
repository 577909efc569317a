"""Every command explains itself, and `docs/cli.md` says what the commands say."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from damascus.cli.app import app
from damascus.cli.reference import reference

ROOT = Path(__file__).parents[2]
ASKED_FOR = """
init cycle status up demo doctor ingest items show retry cancel issues answer events costs config
relay sidecar-status version project_add project_list project_show project_pause project_resume
gate_add gate_open gate_list
"""
READING = """
cycle status demo doctor ingest items show issues answer events costs config project_list
project_show gate_list
"""


def commands():
    found = {}

    def walk(group, words):
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                walk(command, (*words, name))
            else:
                found["_".join((*words, name))] = ((*words, name), command)

    walk(typer.main.get_command(app), ())
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_with_text(name):
    words, command = commands()[name]
    said = CliRunner().invoke(app, [*words, "--help"])
    assert said.exit_code == 0
    assert said.output.startswith("Usage: ")
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name} says nothing"


def test_every_command_that_was_promised_is_there():
    assert set(ASKED_FOR.split()) <= set(commands())


@pytest.mark.parametrize("name", READING.split())
def test_every_reading_command_knows_json(name):
    _, command = commands()[name]
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_the_reference_is_current():
    current = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert current == reference(), "run: python -m damascus.cli.reference > docs/cli.md"
