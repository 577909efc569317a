"""What leaves the command line when something goes wrong, and what `--help` costs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from damascus import errors
from damascus.cli import setup
from support.command_line import CommandLine


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys):
    return CommandLine(tmp_path, monkeypatch, capsys)


def fails_with(monkeypatch, error):
    def load():
        raise error

    monkeypatch.setattr(setup, "load", load)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.DamascusError("no"), 1),
        (errors.ForgeError("no"), 1),
        (errors.UsageError("no"), 2),
        (errors.SchemaError("no"), 3),
        (errors.NotFoundError("no"), 4),
        (errors.ConflictError("no"), 5),
        (errors.ForgeUnreachableError("no"), 6),
    ],
)
def test_an_error_is_one_sentence_and_its_exit_code(cli, monkeypatch, error, code):
    fails_with(monkeypatch, error)
    said = cli("config")
    assert (said.code, said.out, said.err) == (code, "", "damascus: no\n")


def test_a_sentence_never_breaks_the_line_or_moves_the_terminal(cli, monkeypatch):
    fails_with(monkeypatch, errors.ConflictError("one\ntwo \x1b[2Jthree"))
    assert cli("config").err == "damascus: one two three\n"


def test_a_bug_is_a_sentence_that_says_how_to_see_more(cli, monkeypatch):
    fails_with(monkeypatch, ZeroDivisionError("by nought"))
    said = cli("config", code=1)
    assert "ZeroDivisionError: by nought" in said.err
    assert "DAMASCUS_DEBUG=1" in said.err
    assert said.err.count("\n") == 1


def test_a_secret_in_a_bugs_message_is_hidden(cli, monkeypatch):
    cli.set(gitea_token="tok-canary-1", database_url="postgresql://u:pw-canary-2@h/d")
    fails_with(monkeypatch, ValueError("tok-canary-1 and pw-canary-2 leaked"))
    said = cli("config", code=1)
    assert "canary" not in said.err
    assert "(hidden) and (hidden) leaked" in said.err


@pytest.mark.processes
def test_the_traceback_is_shown_when_it_is_asked_for(tmp_path):
    code = (
        "from damascus.cli import main, setup\n"
        "def load(): raise ZeroDivisionError\n"
        "setup.load = load\nraise SystemExit(main(['config']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"DAMASCUS_DEBUG": "1", "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_is_130_and_no_traceback(cli, monkeypatch):
    fails_with(monkeypatch, KeyboardInterrupt())
    assert cli("config", code=130).err == "damascus: interrupted\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nonsense",),
        ("items", "--limit", "0"),
        ("items", "--limit", "many"),
        ("items", "--nonsense"),
        ("show",),
        ("project",),
        ("answer", "nought"),
        ("answer", "0"),
        ("answer", str(2**63)),
        ("retry", "1", "--budget-usd", "NaN"),
        ("retry", "1", "--budget-usd", "-1"),
        ("retry", "1", "--budget-usd", "1e99"),
        ("costs", "--since", "yesterday"),
        ("relay",),
        ("relay", "--once", "--follow"),
        ("answer", "1", "--retry", "--cancel"),
        ("answer", "1", "text", "--file", "x"),
        ("retry", "1", "--phase", "merged"),
        ("up", "--builder", "nobody"),
        ("demo", "--builder", "command"),
        ("change", "1"),
        ("sidecar-status", "--listen", "nowhere"),
        ("sidecar-status", "--listen", "127.0.0.1:99999"),
        ("gate", "add", "1", "--not-before", "tomorrow"),
        ("answer", "1", "bad\udcff"),
    ],
)
def test_wrong_usage_is_exit_code_2_before_anything_is_opened(cli, words):
    said = cli(*words, code=2)
    assert said.out == ""
    if words in {(), ("project",)}:
        assert said.err.startswith("Usage: damascus")
    else:
        assert said.err.startswith("damascus: ")
        assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nonsense",), "no such command 'nonsense'; see `damascus --help`"),
        (("itms",), "no such command 'itms': did you mean 'items'?; see `damascus --help`"),
        (("items", "--bad"), "no such option: --bad; see `damascus items --help`"),
        (
            ("items", "--projct"),
            "no such option: --projct (did you mean --project?); see `damascus items --help`",
        ),
        (("show",), "ITEM is missing; see `damascus show --help`"),
        (("token", "create", "x"), "--scope is missing; see `damascus token create --help`"),
        (
            ("items", "--limit"),
            "option '--limit' requires an argument; see `damascus items --help`",
        ),
        (
            ("items", "-n", "0"),
            "--limit: input should be greater than or equal to 1; see `damascus items --help`",
        ),
        (
            ("gate", "open", "x"),
            "GATE: input should be a valid integer; see `damascus gate open --help`",
        ),
    ],
)
def test_what_the_parser_refuses_is_one_sentence_that_names_the_help(cli, words, sentence):
    assert cli(*words, code=2).err == f"damascus: {sentence}\n"


def test_version_is_told_in_two_ways(cli):
    assert cli("--version", code=0).out == cli("version", code=0).out
    assert cli("--version").out.startswith("damascus 0.")


def test_a_missing_or_wrong_setting_is_exit_code_3(cli):
    said = cli("items", code=3)
    assert "DAMASCUS_DATABASE_URL" in said.err
    cli.set(max_concurrency="none")
    assert "DAMASCUS_MAX_CONCURRENCY is wrong" in cli("items", code=3).err


def test_config_shows_every_setting_and_no_secret(cli):
    cli.set(gitea_token="tok-canary-1", database_url="postgresql://u:pw-canary-2@h/d")
    said = cli("config", "--json", code=0)
    assert "canary" not in said.out
    shown = {one["name"]: one for one in said.json["settings"]}
    assert shown["gitea_token"]["env"] == "DAMASCUS_GITEA_TOKEN"
    assert shown["gitea_token"]["value"] == "(set, hidden)"
    assert shown["redis_url"]["value"] is None
    assert all(one["help"] for one in shown.values())
    people = cli("config", code=0).out
    assert "canary" not in people
    assert "DAMASCUS_REDIS_URL = (not set)" in people


@pytest.mark.processes
def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys, json\nfrom damascus.cli import main\nmain(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"litellm", "taskiq", "httpx", "psycopg", "pydantic", "redis", "rich", "asyncio"}
    assert heavy.isdisjoint(json.loads(done.stderr))
    assert "doctor" in done.stdout
