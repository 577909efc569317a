"""`damascus mcp` as a process: what it writes, when it ends, and what it makes of bad lines."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from support.mcp_world import World, mcp_world
from support.patience import patience
from support.scripted_tasks import as_url

__all__ = ["mcp_world"]  # pytest finds the fixture by its name here

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "raw", "version": "1"},
}


class Raw:
    """A client that writes lines and reads lines, and knows nothing else."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log
        self._lines: queue.Queue[bytes] = queue.Queue()
        self.heard: list[bytes] = []
        self._next = 0
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def close(self) -> None:
        """End it at once, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()

    @property
    def errors(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def send(self, method: str, **params: Any) -> int:
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}
        self.write(json.dumps(message).encode())
        return self._next

    def answer(self, number: int) -> dict[str, Any]:
        """The answer to that request; every line before it is checked to be one of the protocol."""
        while True:
            line = self._lines.get(timeout=patience(60))
            assert line, f"it ended\n{self.errors}"
            self.heard.append(line)
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == number:
                return message

    def begin(self) -> None:
        assert "result" in self.answer(self.send("initialize", **HELLO))
        self.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')

    def call(self, tool: str, **given: Any) -> dict[str, Any]:
        return self.answer(self.send("tools/call", name=tool, arguments=given))["result"]

    def end(self) -> int:
        """Close its input and wait for it to end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(patience(30))


@contextmanager
def started(home: Path, **settings: str) -> Generator[Raw]:
    home.mkdir(exist_ok=True)
    log = home / "raw-stderr"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DAMASCUS_HOME": str(home / "damascus"),
        **settings,
    }
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "damascus", "mcp"],
            env=environment,
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    raw = Raw(process, log)
    try:
        yield raw
    finally:
        raw.close()


@pytest.fixture
def raw(mcp_world: World, tmp_path: Path) -> Generator[Raw]:
    with started(tmp_path / "home", DAMASCUS_DATABASE_URL=as_url(mcp_world.url)) as process:
        process.begin()
        yield process


def test_a_client_of_the_older_protocol_is_served(mcp_world: World):
    project = mcp_world.project()
    with mcp_world.connected("stdio on the store", mode="legacy") as agent:
        done = agent.call("ingest_story", project=project, story="# Old client\n")
        assert done["outcome"] == "accepted"


def test_bad_lines_are_answered_in_the_protocol_and_nothing_else_is_written(
    raw: Raw, mcp_world: World
):
    project = mcp_world.project()
    bad = (
        b"",
        b"not json",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff\xfe\x00",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"1.0","id":900,"method":"ping"}',
        b'{"jsonrpc":"2.0","id":901,"method":"no/such/method"}',
        b'{"jsonrpc":"2.0","id":902,"method":"tools/call","params":{}}',
        b'{"jsonrpc":"2.0","id":903,"method":"tools/call","params":[1,2]}',
        b'{"jsonrpc":"2.0","id":904,"method":"tools/call","params":{"name":7}}',
        b'{"jsonrpc":"2.0","id":905,"method":"tools/call","params":{"name":"ingest_story",'
        b'"arguments":{"project":"' + project.encode() + b'","story":"\\ud800"}}}',
        b'{"jsonrpc":"2.0","id":906,"method":"tools/call","params":{"name":"stats","arguments":'
        + b'{"a":' * 5000
        + b"1"
        + b"}" * 5001
        + b"}}",
        b"[" * 100_000,
    )
    for line in bad:
        raw.write(line)
    assert raw.call("list_items", project=project)["structuredContent"]["items"] == []
    assert raw.end() == 0
    assert "Traceback" not in b"".join(raw.heard).decode()


def test_a_line_of_ten_megabytes_is_refused_and_the_next_one_is_served(raw: Raw, mcp_world: World):
    project = mcp_world.project()
    result = raw.call("ingest_story", project=project, story="x" * 10_000_000)
    assert result["isError"] is True
    assert "at most 262,144" in result["content"][0]["text"]
    assert raw.call("list_items", project=project)["structuredContent"]["items"] == []


def test_it_ends_when_its_input_ends(raw: Raw):
    assert raw.end() == 0


def test_it_ends_when_its_input_ends_before_anything_was_said(mcp_world: World, tmp_path: Path):
    with started(tmp_path / "home", DAMASCUS_DATABASE_URL=as_url(mcp_world.url)) as raw:
        assert raw.end() == 0


def test_it_ends_when_its_client_dies_in_the_middle_of_calls(raw: Raw, mcp_world: World):
    project = mcp_world.project()
    for number in range(100):
        story = f"# Story {number}\n"
        raw.send("tools/call", name="ingest_story", arguments={"project": project, "story": story})
    raw.end()
    assert "Traceback" not in raw.errors


def test_it_ends_quietly_when_nobody_reads_what_it_writes(mcp_world: World, tmp_path: Path):
    reading, writing = os.pipe()
    log = tmp_path / "stderr"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "damascus", "mcp"],
            env=mcp_world.environment(DAMASCUS_DATABASE_URL=as_url(mcp_world.url)),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=errors,
        )
    os.close(writing)
    os.close(reading)
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
    try:
        process.communicate(json.dumps(hello).encode() + b"\n", timeout=30)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in log.read_text()
    assert "bug" not in log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(raw: Raw, number: signal.Signals):
    raw.process.send_signal(number)
    raw.process.wait(patience(30))
    assert "Traceback" not in raw.errors


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "no database"),
        ({"DAMASCUS_API_URL": "http://127.0.0.1:9"}, "DAMASCUS_API_TOKEN"),
        ({"DAMASCUS_API_TOKEN": "dam_x"}, "DAMASCUS_API_URL"),
        ({"DAMASCUS_API_URL": "ftp://x", "DAMASCUS_API_TOKEN": "dam_x"}, "DAMASCUS_API_URL"),
    ],
)
def test_wrong_settings_stop_it_with_one_sentence(
    tmp_path: Path, settings: dict[str, str], words: str
):
    with started(tmp_path / "home", **settings) as raw:
        assert raw.process.wait(patience(30)) == 3
        assert words in raw.errors
        assert raw.errors.count("\n") == 1
        assert "dam_x" not in raw.errors
        assert raw.process.stdout is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"DAMASCUS_DATABASE_URL": "postgresql://u:canary-password@127.0.0.1:1/x"},
            "does not answer",
        ),
        (
            {"DAMASCUS_API_URL": "http://127.0.0.1:1", "DAMASCUS_API_TOKEN": "dam_canary"},
            "does not answer",
        ),
    ],
)
def test_what_does_not_answer_is_told_by_each_tool_and_ends_nothing(
    tmp_path: Path, settings: dict[str, str], words: str
):
    with started(tmp_path / "home", **settings) as raw:
        raw.begin()
        for _ in range(2):
            result = raw.call("stats")
            assert result["isError"] is True
            assert words in result["content"][0]["text"]
        assert raw.end() == 0
        assert "canary" not in raw.errors + b"".join(raw.heard).decode()


def test_a_wrong_token_and_an_address_that_is_no_damascus_are_told(
    mcp_world: World, tmp_path: Path
):
    settings = {"DAMASCUS_API_URL": mcp_world.api, "DAMASCUS_API_TOKEN": "dam_wrong-one"}
    with started(tmp_path / "home", **settings) as raw:
        raw.begin()
        assert "token is not known" in raw.call("stats")["content"][0]["text"]
    settings |= {"DAMASCUS_API_URL": f"{mcp_world.api}/assets/somewhere"}
    with started(tmp_path / "home", **settings) as raw:
        raw.begin()
        assert "nothing is at this address" in raw.call("stats")["content"][0]["text"]


def test_the_command_line_does_not_load_the_protocol_for_its_help():
    code = (
        "import sys, damascus.cli.app; "
        "sys.exit(bool({'mcp', 'mcp_types', 'httpx', 'anyio'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
