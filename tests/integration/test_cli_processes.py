"""The command line as real processes: signals, pipes, terminals, a server that comes and goes."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from contextlib import suppress

import psycopg
import pytest

from damascus.state.schema import VERSION
from support.cycles import accept, add_project, make_store
from support.patience import patience
from support.scripted_tasks import as_url

PATIENCE = patience(60)


@pytest.fixture
def environment(tmp_path):
    """A process's whole environment, made from nothing."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "DAMASCUS_HOME": str(tmp_path / "home"),
    }


@pytest.fixture
def start(environment, tmp_path):
    """Start `damascus …`; what still runs is ended."""
    started = []

    def start(*words, **more):
        process = subprocess.Popen(
            [sys.executable, "-m", "damascus", *words],
            env=environment,
            cwd=tmp_path,
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                **more,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def run(start):
    """Run `damascus …` to its end: exit code, stdout, stderr."""

    def run(*words):
        process = start(*words)
        out, err = process.communicate(timeout=PATIENCE)
        assert b"Traceback" not in err
        return process.returncode, out.decode(), err.decode()

    return run


@pytest.fixture
def stocked(environment, db, database_url):
    """A database with a project and a story."""
    environment["DAMASCUS_DATABASE_URL"] = as_url(database_url)
    store = make_store(db)
    add_project(store)
    accept(store)
    return store


def test_help_answers_with_an_empty_environment(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: damascus")


def test_a_database_that_is_down_is_exit_code_6(run, environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        environment["DAMASCUS_DATABASE_URL"] = f"postgresql://u:canary-pw@127.0.0.1:{port}/x"
        for words in (("items",), ("init",), ("cycle",), ("status", "--json")):
            code, out, err = run(*words)
            assert (code, out) == (6, "")
            assert f"127.0.0.1:{port}" in err
            assert "canary" not in err
            assert err.count("\n") == 1


def test_a_database_without_its_schema_is_exit_code_3_until_init(run, environment, postgres):
    name = f"damascus_test_cli_{os.getpid()}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        environment["DAMASCUS_DATABASE_URL"] = as_url(
            psycopg.conninfo.make_conninfo(postgres, dbname=name)
        )
        try:
            code, _, err = run("items")
            assert (code, "damascus init" in err) == (3, True)
            connection.execute(f"CREATE DATABASE {name}")
            code, _, err = run("items")
            assert (code, "damascus init" in err) == (3, True)
            code, out, _ = run("init", "--json")
            assert (code, json.loads(out)["schema_version"]) == (0, VERSION)
            assert run("init")[0] == 0
            assert run("items")[:2] == (0, "no items\n")
        finally:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.usefixtures("stocked")
def test_a_newer_schema_is_exit_code_3_and_left_alone(run, db):
    with db.connection() as connection:
        connection.execute("UPDATE damascus_schema SET version = version + 1")
    for word in ("items", "init"):
        code, _, err = run(word)
        assert (code, "newer" in err) == (3, True)


@pytest.mark.usefixtures("stocked")
def test_ctrl_c_ends_a_watch_with_130_and_no_traceback(start):
    process = start("status", "--watch", "--interval", "0.2", "--json")
    first, second = process.stdout.readline(), process.stdout.readline()
    assert json.loads(first)["slots"] == json.loads(second)["slots"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert err == b"damascus: interrupted\n"


def test_following_events_misses_none(start, stocked):
    process = start("events", "--follow", "--json")
    seen = [json.loads(process.stdout.readline()) for _ in range(2)]
    accept(stocked, "later")
    seen.append(json.loads(process.stdout.readline()))
    assert [event["type"] for event in seen] == [
        "project.added",
        "work.ingested",
        "work.ingested",
    ]
    assert (seen[2]["key"], seen[2]["project"]) == ("later", "alpha")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) == 130


@pytest.mark.usefixtures("stocked")
def test_nobody_reading_any_more_is_quiet(start):
    process = start("status", "--watch", "--interval", "0.2")
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(PATIENCE) == 141
    assert process.stderr.read() == b""


@pytest.mark.usefixtures("stocked")
def test_closed_standard_streams_are_no_bug(environment, tmp_path):
    for redirection in (">&-", "<&-", ">&- 2>&- <&-", "> /dev/full"):
        script = f'exec "{sys.executable}" -m damascus items {redirection}'
        done = subprocess.run(
            ["sh", "-c", script], env=environment, cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == (1 if "full" in redirection else 0), done
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


@pytest.mark.usefixtures("stocked")
def test_an_ascii_terminal_gets_a_table_that_fits(start, environment):
    title = "Ünïcödé " + "long " * 30
    adding = start("ingest", "-", "--key", "wide", stdin=subprocess.PIPE)
    adding.communicate(f"# {title}\n\nText.\n".encode(), timeout=PATIENCE)
    assert adding.returncode == 0
    environment |= {"PYTHONIOENCODING": "ascii", "COLUMNS": "100", "TERM": "xterm"}
    master, slave = pty.openpty()
    process = start("items", stdout=slave)
    os.close(slave)
    shown = read_all(master).decode()
    assert process.wait(PATIENCE) == 0
    # An umlaut that ASCII has no sign for is shown as an escape, four signs wide.
    lines = re.sub(r"\x1b\[\d*m|(?<=\\)x..", "", shown).split("\r\n")
    assert shown.count("long") == 30
    assert max(len(line) for line in lines) <= 100


def read_all(descriptor):
    found = b""
    while True:
        part = b""
        with suppress(OSError):  # Linux says EIO when the other end is closed
            part = os.read(descriptor, 65536)
        if not part:
            os.close(descriptor)
            return found
        found += part


@pytest.mark.usefixtures("stocked")
def test_colours_are_for_terminals_only(run):
    assert "\x1b" not in run("items")[1] + run("status")[1] + run("show", "1")[1]


# -- the sidecar -----------------------------------------------------------------------------------


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - our own
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def address_of(process):
    """Where the sidecar says that it serves; what it says later is read away."""
    said = process.stderr.readline().decode()
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return "http://127.0.0.1:" + said.strip().rsplit(":", 1)[1]


def test_the_sidecar_logs_and_serves_the_view_until_sigterm(start, stocked):
    process = start("sidecar-status", "--listen", "127.0.0.1:0", "--interval", "0.2")
    url = address_of(process)
    line = json.loads(process.stdout.readline())
    assert line["phases"]["spec"]["ready"] == 1
    accept(stocked, "more")
    while json.loads(process.stdout.readline())["phases"]["spec"]["ready"] != 2:
        pass
    code, view = ask(f"{url}/")
    assert (code, view["phases"]["spec"]["ready"]) == (200, 2)
    assert ask(f"{url}/healthz") == (200, {"ok": True, "database": True})
    assert ask(f"{url}/../etc/passwd")[0] == 404
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def test_the_sidecar_survives_a_database_that_is_away(start, environment, database_url):
    environment["DAMASCUS_DATABASE_URL"] = "postgresql:///x?host=/nowhere"
    process = start("sidecar-status", "--listen", "127.0.0.1:0", "--interval", "0.2")
    url = address_of(process)
    assert "does not answer" in json.loads(process.stdout.readline())["error"]
    code, said = ask(f"{url}/")
    assert (code, said["last"]) == (503, None)
    assert ask(f"{url}/healthz") == (200, {"ok": True, "database": False})
    assert database_url
    assert process.poll() is None


@pytest.mark.usefixtures("stocked")
def test_a_port_in_use_is_a_conflict(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = run("sidecar-status", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (code, "in use" in err) == (5, True)
