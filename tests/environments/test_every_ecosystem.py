"""From `project add` to merged, in each ecosystem, with dependencies out of its real registry.

Detection proposes set-up and test command, and `--yes` pins them. Stories follow, two as a rule;
their agent runs the tests itself and reaches nothing. Skipped where a tool is not installed, or
where it reaches no registry by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from damascus.demo.model_script import Say
from damascus.demo.model_server import ModelServer
from damascus.environments.certificates import certificate_variables
from damascus.environments.real_programs import real_path
from support.command_line import CommandLine
from support.ecosystems import ECOSYSTEMS
from support.git_repos import git
from support.sandbox_world import REASONS
from support.scripted_tasks import as_url
from support.specs import GOOD_SPEC

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(REASONS["bubblewrap"]), reason=REASONS["bubblewrap"]),
]
SPEC = GOOD_SPEC.replace("`tests/test_login.py::test_login`", "The test of the module")
STORY = "# Module {word}\n\nAs a shop I want module {word}, tested as the others are.\n"


@pytest.fixture(scope="module")
def model():
    with ModelServer(lambda _: Say(SPEC)) as model:
        yield model


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url, model):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(
        database_url=as_url(database_url),
        agent_path=real_path(os.environ["PATH"], os.environ),
        llm_model="openai/gpt-4o-mini",
        llm_api_base=model.openai_base,
        llm_api_key="sk-of-nobody-4711",
        builder="command",
    )
    return cli


def repository(place, ecosystem):
    """A person's repository, with its lock files; skips where no registry is reached."""
    for program in ecosystem.programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    for name, text in ecosystem.begin().items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    own = Path(sys.executable).parent
    env = {**os.environ, **certificate_variables(os.environ), **ecosystem.variables}
    env["PATH"] = f"{os.environ['PATH']}:{own}"
    done = subprocess.run(
        ["sh", "-euc", ecosystem.locks], cwd=place, env=env, capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no packages for {ecosystem.programs[0]}: {done.stderr[-200:]!r}")
    git(place, "init", "-q", "-b", "main")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "Begin")


@pytest.mark.parametrize("name", ECOSYSTEMS)
def test_stories_are_merged_after_project_add_alone(cli, name):
    ecosystem = ECOSYSTEMS[name]
    repository(cli.place / "repo", ecosystem)
    cli.set(command_argv=json.dumps(["sh", "-c", ecosystem.agent()]))
    variables = [f"--env={name}={value}" for name, value in ecosystem.variables.items()]

    asked = ("--repo", "repo", "--yes", "--json", "--mutation-seconds=0", *variables)
    added = cli("project", "add", "shop", *asked, code=0)
    assert added.json["found"]["green"], added.err
    assert any(ecosystem.set_up in line for line in added.json["setup_commands"]), added.json
    kept = environments(cli)

    for word in ecosystem.stories:
        story = cli.place / f"{word}.md"
        story.write_text(STORY.format(word=word))
        cli("ingest", "--project", "shop", story, code=0)
        ticks = cli("cycle", "--until-idle", "--json", code=0).json["ticks"]
        assert [(tick["phase"], tick["verdict"]) for tick in ticks] == [
            ("spec", "pass"),
            ("build", "pass"),
            ("review", "pass"),
        ], ticks
        evidence = cli("show", f"shop/{word}", "--json").json["evidence"]
        assert evidence
    if not ecosystem.built_in_tree:
        assert environments(cli) == kept, "the stories needed no registry"


def environments(cli):
    found = cli("project", "environment", "list", "shop", "--json", code=0).json["environments"]
    return [(one["key"], one["made_at"]) for one in found]
