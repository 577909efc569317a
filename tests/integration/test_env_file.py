"""Where settings come from: the environment, `.env` of the home, or `--env-file`; nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from damascus import config
from damascus.config import load
from damascus.errors import ConfigurationError
from support.command_line import CommandLine

STRANGER = "https://stranger.example"
PLANTED = f"DAMASCUS_GITEA_URL={STRANGER}\n"


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    (tmp_path / "clone").mkdir()
    cli = CommandLine(tmp_path / "clone", monkeypatch, capsys)
    cli.set(home=str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return cli


def shown(said) -> dict[str, Any]:
    return {one["env"]: one for one in json.loads(said.out)["settings"]}


def test_an_env_file_of_the_directory_one_stands_in_is_not_read_and_that_is_said(cli):
    (cli.place / ".env").write_text(PLANTED)
    said = cli("config", "--json", code=0)
    assert shown(said)["DAMASCUS_GITEA_URL"]["value"] != STRANGER
    assert str(cli.place / ".env") in said.err
    assert "is not read" in said.err
    assert str(cli.place.parent / "home" / ".env") in said.err


def test_a_program_that_an_agent_starts_in_a_checkout_does_not_read_its_env_file(cli):
    (cli.place / ".env").write_text("DAMASCUS_DATABASE_URL=postgresql://stranger.example/x\n")
    said = cli("mcp", code=3)
    assert "no database" in said.err
    with pytest.raises(ConfigurationError, match="no database"):
        load().database()


def test_worker_and_scheduler_do_not_read_it_either(cli):
    (cli.place / ".env").write_text("DAMASCUS_REDIS_URL=redis://stranger.example\n")
    for name in ("broker", "scheduler"):
        done = subprocess.run(
            [sys.executable, "-c", f"import damascus.tasks as t; t.{name}"],
            cwd=cli.place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode
        assert "no doorbell" in done.stderr
        assert "is not read" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_env_file_that_says_nothing_of_ours_is_nobodys_business(cli):
    (cli.place / ".env").write_text("DATABASE_URL=postgres://app\n")
    assert cli("config", code=0).err == ""


def test_the_env_file_of_the_home_is_read(cli):
    (cli.place.parent / "home" / ".env").write_text("DAMASCUS_BUDGET_USD=2\n")
    found = shown(cli("config", "--json", code=0))["DAMASCUS_BUDGET_USD"]
    assert (found["value"], found["origin"]) == ("2", ".env")


def test_who_stands_in_the_home_is_told_nothing(cli, monkeypatch):
    (cli.place.parent / "home" / ".env").write_text("DAMASCUS_BUDGET_USD=2\n")
    monkeypatch.chdir(cli.place.parent / "home")
    assert cli("config", "--json", code=0).err == ""


def test_a_named_env_file_is_read_in_place_of_that_of_the_home(cli):
    (cli.place.parent / "home" / ".env").write_text("DAMASCUS_BUDGET_USD=2\n")
    (cli.place / "mine").write_text("DAMASCUS_BUDGET_CYCLES=7\n")
    said = cli("--env-file", "mine", "config", "--json", code=0)
    assert shown(said)["DAMASCUS_BUDGET_CYCLES"]["value"] == 7
    assert shown(said)["DAMASCUS_BUDGET_USD"]["value"] is None
    assert said.err == ""
    assert shown(cli("config", "--json"))["DAMASCUS_BUDGET_USD"]["value"] == "2"  # once is once


def test_a_named_env_file_may_be_the_one_one_stands_beside(cli):
    (cli.place / ".env").write_text("DAMASCUS_BUDGET_USD=3\n")
    said = cli("--env-file", ".env", "config", "--json", code=0)
    assert shown(said)["DAMASCUS_BUDGET_USD"]["value"] == "3"


def test_a_named_env_file_that_is_not_there_is_one_sentence(cli):
    said = cli("--env-file", "nowhere", "status", code=2)
    assert said.err == "damascus: --env-file nowhere: there is no such file\n"


def test_a_secret_of_a_named_env_file_is_hidden_in_errors(cli):
    (cli.place / "mine").write_text(
        "DAMASCUS_DATABASE_URL=postgresql://u:canarypassword@127.0.0.1:1/d\n"
    )
    said = cli("--env-file", "mine", "status", code=6)
    assert "canarypassword" not in said.err


def test_an_env_file_that_cannot_be_read_is_one_sentence(cli):
    file = cli.place.parent / "home" / ".env"
    file.write_bytes(b"DAMASCUS_LLM_MODEL=\xff\n")
    assert cli("config", code=3).err == f"damascus: {file} cannot be read: it is not UTF-8\n"
    file.unlink()
    file.mkdir()
    assert "cannot be read: Is a directory" in cli("config", code=3).err


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("DAMASCUS_BUDGET_USD=2\n#\nDAMASCUS_budget_usd=9\n", "twice, in lines 1 and 3: leave one"),
        ("\n\nDAMASCUS_BUDGET_USD\n", "line 3 of "),
        ("A=1\nDAMASCUS_BUDGET_USD: 2\n", "line 2 of "),
        ('DAMASCUS_BUDGET_USD="2\n', "line 1 of "),
        ("DAMASCUS_BUDGET_USD=2\0\n", "it holds a zero byte"),
        ("#" * 1_000_001, "it is larger than 1000000 bytes"),
    ],
)
def test_what_would_silently_mean_something_else_is_one_sentence(cli, text, why):
    (cli.place.parent / "home" / ".env").write_text(text)
    said = cli("config", code=3)
    assert why in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("begin", ["\ufeff", "\ufeff\r\n", "# café\r\n"])
def test_an_editors_mark_and_its_line_ends_change_nothing(cli, begin):
    text = f"{begin}DAMASCUS_BUDGET_USD=2\r\nDAMASCUS_WORKER_NAME=a\r\n"
    (cli.place.parent / "home" / ".env").write_bytes(text.encode())
    found = shown(cli("config", "--json", code=0))
    assert float(found["DAMASCUS_BUDGET_USD"]["value"]) == 2
    assert found["DAMASCUS_WORKER_NAME"]["value"] == "a"


def test_a_pipe_or_a_device_in_its_place_is_not_waited_for(cli):
    file = cli.place.parent / "home" / ".env"
    os.mkfifo(file)
    assert "it is no plain file" in cli("config", code=3).err
    file.unlink()
    file.symlink_to("/dev/zero")
    assert "it is no plain file" in cli("config", code=3).err


def test_an_env_file_that_everybody_may_write_is_not_obeyed(cli):
    file = cli.place.parent / "home" / ".env"
    file.write_text(PLANTED)
    file.chmod(0o666)
    assert f"everybody may write to it: chmod o-w {file}" in cli("config", code=3).err


def test_an_env_file_of_the_home_cannot_move_the_home(cli, tmp_path):
    (tmp_path / "home" / ".env").write_text(f"DAMASCUS_HOME={tmp_path / 'other'}\n")
    assert config.load().home == tmp_path / "home"  # the environment says so
    cli.set(home=None)
    (tmp_path / "data" / "damascus").mkdir(parents=True)
    (tmp_path / "data" / "damascus" / ".env").write_text(f"DAMASCUS_HOME={tmp_path / 'other'}\n")
    cli._patch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    said = cli("config", code=3)
    assert "say DAMASCUS_HOME in the environment" in said.err
