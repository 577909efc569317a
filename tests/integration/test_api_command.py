"""`damascus token` says who may come in, `damascus api` opens the door."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from support.command_line import CommandLine
from support.patience import patience
from support.scripted_tasks import as_url


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url))
    return cli


@pytest.fixture
def start(tmp_path, database_url):
    """Start `damascus api` on a free port; what still runs is ended."""
    started = []

    def start(*words):
        process = subprocess.Popen(
            [sys.executable, "-m", "damascus", "api", *words],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LANG": "C.UTF-8",
                "DAMASCUS_HOME": str(tmp_path / "home"),
                "DAMASCUS_DATABASE_URL": as_url(database_url),
            },
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_token_is_shown_once_and_listed_without_it(cli):
    made = cli("token", "create", "page", "--scope", "read", "--scope", "operate", code=0)
    token = made.out.strip()
    assert re.fullmatch(r"dam_[\w-]{43}", token)
    assert "once" in made.err
    listed = cli("token", "list", code=0)
    assert "page" in listed.out
    assert "read operate" in listed.out
    assert token not in listed.out + cli("token", "list", "--json", code=0).out


def test_a_token_can_end_by_itself(cli):
    made = cli("token", "create", "ci", "--scope", "ingest", "--expires", "30d", "--json", code=0)
    assert made.json["scopes"] == ["ingest"]
    assert made.json["token"].startswith("dam_")
    assert made.json["expires_at"] is not None


def test_a_revoked_token_is_listed_only_when_asked_for(cli):
    cli("token", "create", "ci", "--scope", "read", code=0)
    cli("token", "revoke", "ci", code=0)
    assert cli("token", "list", "--json", code=0).json == {"tokens": []}
    (row,) = cli("token", "list", "--all", "--json", code=0).json["tokens"]
    assert row["revoked_at"] is not None
    assert row["revoked_by"].startswith("cli:")
    assert cli("token", "revoke", "ci").code == 4


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create", "ci"], 2),
        (["create", "ci", "--scope", "all"], 2),
        (["create", "C I", "--scope", "read"], 2),
        (["revoke", "nobody"], 4),
    ],
)
def test_what_makes_no_sense_is_told(cli, words, code):
    assert cli("token", *words).code == code


def test_the_api_serves_until_it_is_told_to_stop(start, cli):
    token = cli("token", "create", "me", "--scope", "read", code=0).out.strip()
    process = start("--port", "0")
    url = re.search(r"http://\S+", process.stderr.readline())[0]
    with httpx.Client(base_url=url, timeout=patience(30)) as client:
        assert client.get("/healthz").status_code == 200
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/items", headers=headers).json()["items"] == []
        with client.stream("GET", "/v1/events/stream", headers=headers) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": damascus"
            process.send_signal(signal.SIGTERM)
            for _ in lines:  # the stream ends with the server, not after it
                pass
    out, err = process.communicate()
    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    assert token not in err


def test_a_port_in_use_is_a_conflict(start):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start("--port", str(taken.getsockname()[1]))
        _, err = process.communicate()
    assert process.returncode == 5
    assert "in use" in err
