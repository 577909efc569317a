"""The coding agent's program is looked for in a project's image before anything is paid."""

from __future__ import annotations

from dataclasses import replace

import pytest

from damascus.config import load
from damascus.domain.work import Project
from damascus.phases.base_check import found_by
from damascus.phases.trial import try_command
from damascus.wiring import App
from support.shop import GREEN, Shop

PROJECT = Project(id=1, name="shop", forge="local", repo="/r", base_branch="main")
TESTS = ("python3", "-m", "unittest", "-v")


@pytest.fixture
def shop(tmp_path):
    """What stands for the image is the sandbox at hand: its programs are this machine's."""
    made = Shop(tmp_path, {"login.py": GREEN})
    made.project = replace(made.project, image="here:1", test_command=TESTS)
    return made


def tried(shop, argv=TESTS):
    return try_command(shop.project, argv, shop.tools(), place="base")


def test_a_base_is_not_green_where_its_image_lacks_the_agent(shop):
    shop.given = {"agent_program": "no-such-agent"}
    trial = tried(shop)
    assert (trial.ran, trial.passed, trial.green) == (True, 1, False)
    assert trial.sentence.endswith("but the coding agent 'no-such-agent' is not in the image.")
    assert "the image here:1 has no program 'no-such-agent'" in found_by(trial).body


def test_a_set_up_alone_is_not_enough_either(shop):
    shop.project = replace(shop.project, test_command=None, setup_commands=("true",))
    shop.given = {"agent_program": "no-such-agent"}
    assert tried(shop, ()).agent_missing == "no-such-agent"
    shop.given = {"agent_program": "sh"}
    assert tried(shop, ()).green


@pytest.mark.parametrize("there", ["sh", ""])
def test_a_base_is_green_where_the_agent_is_there_or_brings_itself(shop, there):
    shop.given = {"agent_program": there}
    assert tried(shop).green


def test_a_project_without_an_image_is_not_asked(shop):
    shop.project = replace(shop.project, image=None)
    shop.given = {"agent_program": "no-such-agent"}
    assert tried(shop).green


@pytest.mark.parametrize(
    ("head", "wanted"),
    [(None, "scribe"), ("#!/usr/bin/env node\n", "scribe"), ("#!/bin/sh\n", "")],
)
def test_an_image_must_bring_what_the_worker_cannot_show_in_it(tmp_path, head, wanted):
    if head is not None:
        (tmp_path / "scribe").write_text(head)
        (tmp_path / "scribe").chmod(0o755)
    project = replace(PROJECT, image="here:1", builder="command")
    settings = load(
        home=tmp_path, agent_path=str(tmp_path), command_argv=["scribe", "-p"], _env_file=None
    )
    with App(settings) as app:
        assert app.agent_of_image(project) == wanted
        assert not app.agent_of_image(replace(project, builder="mini"))
