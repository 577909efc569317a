"""A variable of ours that is no setting stops every program: a mistyped limit is no limit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.command_line import CommandLine


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    return CommandLine(tmp_path, monkeypatch, capsys)


COMMANDS = [
    ("up",),
    ("cycle",),
    ("status",),
    ("doctor",),
    ("config",),
    ("init",),
    ("api",),
    ("mcp",),
    ("sidecar-status",),
    ("demo",),
    ("relay", "--once"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_stops_at_a_mistyped_limit_and_names_the_right_one(cli, words):
    cli.set(budget_usdd="2", database_url="postgresql://127.0.0.1:1/x")
    said = cli(*words, code=3)
    assert said.err.startswith("damascus: DAMASCUS_BUDGET_USDD (in the environment) is no setting")
    assert "but DAMASCUS_BUDGET_USD is" in said.err
    assert said.out == ""


@pytest.mark.parametrize("name", ["broker", "scheduler"])
def test_worker_and_scheduler_stop_too(tmp_path, name):
    done = subprocess.run(
        [sys.executable, "-c", f"import damascus.tasks as t; t.{name}"],
        env={
            "DAMASCUS_HOME": str(tmp_path),
            "DAMASCUS_REDIS_URL": "redis://127.0.0.1:1",
            "DAMASCUS_DATABASE_URL": "postgresql://127.0.0.1:1/x",
            "DAMASCUS_STALE_CLAIM_MINUTE": "3",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "but DAMASCUS_STALE_CLAIM_MINUTES is" in done.stderr
    assert "Traceback" not in done.stderr


def test_all_of_them_are_told_at_once_wherever_they_stand(cli):
    (cli.place / "home").mkdir()
    (cli.place / "home" / ".env").write_text("DAMASCUS_GITEA_TOKN=canary\nOTHER=1\n")
    cli.set(max_erors="3", gitea_url_file="/x", llm_api_kye_file="/y")
    said = cli("status", code=3).err
    assert f"DAMASCUS_GITEA_TOKN (in {cli.place / 'home' / '.env'})" in said
    assert "but DAMASCUS_GITEA_TOKEN is" in said
    assert "but DAMASCUS_MAX_ERRORS is" in said
    assert "DAMASCUS_GITEA_URL_FILE (in the environment)" in said
    assert "only a secret can come from a file" in said
    assert "but DAMASCUS_LLM_API_KEY_FILE is" in said
    assert "canary" not in said
    assert said.count("\n") == 1


def test_a_name_with_signs_that_no_terminal_should_get_is_shown_as_text(cli, monkeypatch):
    monkeypatch.setenv("DAMASCUS_\x1b[31m", "1")
    said = cli("status", code=3).err
    assert "\x1b" not in said


def test_an_empty_variable_says_nothing(cli):
    cli.set(budget_usdd="")
    assert cli("config", code=0).err == ""


def test_the_names_of_an_extension_are_known_and_its_mistakes_too(tmp_path):
    (tmp_path / "acme.py").write_text(
        "from damascus.config_sources import Section\n"
        "from damascus.forge.local_entry import ENTRY as LOCAL\n"
        "import dataclasses\n"
        "class Mine(Section):\n    root: str = ''\n"
        "ENTRY = dataclasses.replace(LOCAL, name='shelf', settings=Mine)\n"
    )
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    points = "[damascus.forges]\nshelf = acme:ENTRY\nbroken = nowhere:ENTRY\n"
    (info / "entry_points.txt").write_text(points)
    code = "import sys; from damascus.cli import main; sys.exit(main(['config']))"

    def run(**settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(tmp_path), "DAMASCUS_HOME": str(tmp_path / "home"), **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    assert run(DAMASCUS_SHELF_ROOT="/x").returncode == 0
    assert "but DAMASCUS_SHELF_ROOT is" in run(DAMASCUS_SHELF_ROT="/x").stderr
    # Whose settings cannot be known, since it cannot be loaded: that is told, not its names.
    assert run(DAMASCUS_BROKEN_ROOT="/x").returncode == 0
