"""A project whose tests need a service: every run of them gets it, and who is asked where not."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from damascus.domain.work import Phase, Verdict
from damascus.errors import PortTakenError
from damascus.phases.base_check import found_by
from damascus.phases.trial import try_command
from damascus.ports import Sandbox
from damascus.sandbox import Plain
from support.redis_server import free_port
from support.shop import GREEN, RED, Shop
from support.tcp_service import SERVER

TEST = """import os, socket, unittest
import login


class LoginTest(unittest.TestCase):
    def test_hello(self):
        with socket.create_connection(("127.0.0.1", int(os.environ["WORDS_PORT"])), 10) as one:
            self.assertEqual(login.hello(), one.makefile().read())
"""


class Watched:
    """A sandbox that keeps what it was asked to run, and how that ended."""

    def __init__(self, inner: Sandbox):
        self.inner = inner
        self.name = inner.name
        self.ran = []

    def run(self, command, guard=None):
        finished = self.inner.run(command, guard)
        self.ran.append((command, finished))
        return finished


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def shop(tmp_path, port):
    made = Shop(tmp_path, {"server.py": SERVER, "test_login.py": TEST, "login.py": GREEN})
    made.sandbox = Watched(made.sandbox)
    made.project = replace(
        made.project,
        service_commands=(f"{port}: exec python3 server.py {port}",),
        test_command=("env", f"WORDS_PORT={port}", "python3", "-m", "unittest", "-v"),
        mutation_seconds=120,
    )
    return made


def carry(shop, **files):
    shop.agent(**files)
    built = shop.run(Phase.BUILD)
    assert built.verdict is Verdict.PASS, built
    return shop.run(Phase.REVIEW)


CHANGED = GREEN + "\n\ndef bye(name):\n    return len(name) > 3\n"


@pytest.mark.parametrize("kind", ["report", "exit-status"])
def test_every_run_of_the_tests_has_the_service_and_the_work_is_merged(shop, kind):
    shop.project = replace(shop.project, test_evidence=kind)
    reviewed = carry(shop, login=CHANGED)
    assert reviewed.verdict is Verdict.PASS, reviewed
    tests = [one for one in shop.sandbox.ran if "unittest" in " ".join(one[0].argv)]
    assert len(tests) >= (5 if kind == "report" else 1), "the base, broken tests, mutants"
    for command, finished in tests:
        assert command.services, command.argv
        assert finished.service_fault is None
    (evidence,) = shop.progress.kept
    assert evidence.environment["service_commands"] == list(shop.project.service_commands)


def test_what_the_service_prints_is_in_the_log_and_not_among_the_results(shop, port):
    carry(shop, login=CHANGED)
    log = (shop.root / "7-2" / "run.log").read_text()
    assert f"[{port}] starting at {port}" in log
    assert all(f"[{port}]" not in finished.output for _, finished in shop.sandbox.ran)


def test_work_that_is_wrong_is_seen_with_the_service(shop):
    reviewed = carry(shop, login=RED)
    assert reviewed.verdict is Verdict.FAIL
    assert "LoginTest.test_hello" in reviewed.summary


@pytest.mark.parametrize("kind", ["report", "exit-status"])
def test_a_service_that_the_work_broke_is_the_works_failure(shop, kind, port):
    shop.project = replace(shop.project, test_evidence=kind)
    reviewed = carry(shop, login=CHANGED, server="raise SystemExit('no words today')\n")
    assert (reviewed.verdict, reviewed.needs_person) == (Verdict.FAIL, False)
    assert f"ended with status 1 before its port {port} answered" in reviewed.summary
    assert "no words today" in reviewed.details["output_tail"]


@pytest.mark.parametrize("kind", ["report", "exit-status"])
def test_a_service_that_is_not_there_on_the_base_either_asks_a_person(shop, kind, port):
    missing = (f"{port}: no-such-server --port {port}",)
    shop.project = replace(shop.project, test_evidence=kind, service_commands=missing)
    reviewed = carry(shop, login=CHANGED)
    assert (reviewed.verdict, reviewed.needs_person) == (Verdict.FAIL, True)
    assert reviewed.details["class"] == "environment"
    assert "It is the same on the base alone" in reviewed.summary


def test_a_check_of_the_base_tells_the_end_of_the_output_and_the_next_step(shop, port):
    line = "echo cannot open words.db; exit 4"
    project = replace(shop.project, service_commands=(f"{port}: {line}",))
    found = found_by(trial(shop, project))
    assert not found.green
    assert f"The project's service {line!r} ended with status 4" in found.body
    assert "--service-command" in found.body
    assert "cannot open words.db" in found.body


def test_a_check_of_a_base_whose_service_comes_up_is_green(shop):
    assert trial(shop, shop.project).green


def test_a_taken_port_in_the_plain_sandbox_is_nobodys_failure(shop, port):
    shop.sandbox = Plain()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTakenError, match=str(port)):
        carry(shop, login=CHANGED)


def trial(shop, project):
    return try_command(project, project.test_command, shop.tools(), place="base")
