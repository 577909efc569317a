"""A project whose tests need a service, from `project add` to merged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from damascus.demo.run import make_repository
from damascus.demo.script import TEST_COMMAND
from damascus.forge import local_git
from support.modelled_programs import modelled_programs
from support.processes import Programs
from support.redis_server import free_port
from support.tcp_service import SERVER
from support.textkit import STORIES

STORY = "slugify-titles"
TEST = """import os
import socket
import unittest

from textkit.words import count_words


class ServiceTest(unittest.TestCase):
    def test_words_of_the_service_are_counted(self) -> None:
        port = int(os.environ["WORDS_PORT"])
        with socket.create_connection(("127.0.0.1", port), 10) as connected:
            self.assertEqual(count_words(connected.makefile().read()), {"hello": 1})
"""


@pytest.fixture
def programs(tmp_path, database_url) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    with modelled_programs(home, database_url) as programs:
        yield programs


@pytest.fixture
def repo(tmp_path):
    made = make_repository(tmp_path)
    work = tmp_path / "textkit"
    (work / "server.py").write_text(SERVER)
    (work / "tests" / "test_service.py").write_text(TEST)
    local_git.output(work, "add", "--all")
    author = ("-c", "user.name=A Person", "-c", "user.email=person@example.org")
    local_git.output(work, *author, "commit", "--quiet", "--message=count a service's words")
    local_git.output(work, "push", "--quiet", str(made), "main")
    return made


def test_a_service_that_does_not_come_up_is_told_and_one_that_does_carries_a_story(programs, repo):
    port = free_port()
    wrong = f"{port}: echo no such file: words.conf; exit 2"
    options = ("--test-command", TEST_COMMAND, "--env", f"WORDS_PORT={port}")
    add = ("project", "add", "textkit", "--repo", str(repo), *options, "--service-command", wrong)
    said = programs.run(*add, check=False)
    told = said.stdout + said.stderr
    assert "ended with status 2 before its port" in told
    assert f"[{port}] no such file: words.conf" in told
    assert "--service-command" in told
    assert programs.json("project", "show", "textkit")["base"]["state"] != "proven"

    right = f"{port}: exec python3 server.py {port}"
    programs.run("project", "change", "textkit", "--service-command", right)
    checked = programs.json("project", "check", "textkit")["check"]
    assert checked["green"], checked
    programs.run("ingest", "--project", "textkit", str(STORIES / f"{STORY}.md"))
    programs.run("cycle", "--until-idle")
    item = programs.json("show", f"textkit/{STORY}")
    assert item["item"]["phase"] == "merged", programs.log[-3000:]
    assert right in str(item)
    assert "nothing wrong" in programs.run("verify").stdout


@pytest.mark.parametrize("given", ["redis-server", "70000: redis-server", "port: x", "6379:"])
def test_a_service_that_cannot_be_one_is_refused_with_a_sentence(programs, repo, given):
    add = ("project", "add", "textkit", "--repo", str(repo), "--service-command", given)
    said = programs.run(*add, check=False)
    assert said.returncode == 2
    assert "service" in said.stderr
    assert "Traceback" not in said.stderr
