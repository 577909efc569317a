"""The sandboxes against real processes: what a command is given and what comes back."""

from __future__ import annotations

import signal
import sys

import pytest

from damascus.errors import SandboxError
from damascus.ports import Command
from support.sandbox_world import PATH, command, place, python, sandbox, shell

# Pytest finds the fixtures by their names here.
__all__ = ["place", "sandbox"]


def test_output_and_exit_code_come_back(sandbox, place):
    ended = sandbox.run(shell(place, "echo out; echo err >&2; exit 7"))
    assert (ended.exit_code, ended.output, ended.stopped) == (7, "out\nerr\n", None)
    assert ended.seconds > 0


def test_an_exit_code_of_one_is_the_commands_own(sandbox, place):
    assert sandbox.run(shell(place, "exit 1")).exit_code == 1


def test_death_by_signal_is_128_plus_the_signal(sandbox, place):
    assert sandbox.run(shell(place, "kill -SEGV $$")).exit_code == 128 + signal.SIGSEGV


def test_the_environment_is_exactly_what_was_given(sandbox, place, monkeypatch):
    monkeypatch.setenv("DAMASCUS_CANARY", "secret")
    ended = sandbox.run(command(place, "env", env={"PATH": PATH, "ONE": "ü=1"}))
    lines = {line for line in ended.output.splitlines() if not line.startswith("PWD=")}
    assert lines == {f"PATH={PATH}", "ONE=ü=1"}


def test_stdin_is_the_file_given_or_empty(sandbox, place, tmp_path):
    prompt = tmp_path / "prompt"
    prompt.write_text("do it\n")
    assert sandbox.run(command(place, "cat", stdin=prompt)).output == "do it\n"
    assert sandbox.run(command(place, "cat")).output == ""
    with pytest.raises(SandboxError, match="absent"):
        sandbox.run(command(place, "cat", stdin=tmp_path / "absent"))


def test_files_are_written_where_it_is_allowed(sandbox, place):
    ended = sandbox.run(shell(place, "echo x > made && pwd"))
    assert ended.output.strip() == str(place)
    assert (place / "made").read_text() == "x\n"


def test_the_interpreter_of_a_virtual_environment_runs(sandbox, place):
    ended = sandbox.run(python(place, "import sys, ssl, ctypes; print(sys.prefix)"))
    assert ended.output.strip() == sys.prefix


def test_a_program_that_does_not_exist_is_a_sentence(sandbox, place):
    with pytest.raises(SandboxError, match="no-such-program"):
        sandbox.run(command(place, "no-such-program"))


def test_a_file_that_is_not_executable_is_a_sentence(sandbox, place):
    (place / "script").write_text("echo no\n")
    with pytest.raises(SandboxError, match="script"):
        sandbox.run(command(place, "./script"))


@pytest.mark.parametrize("change", [{"argv": ()}, {"writable": ()}, {"env": {"A": "b\0c"}}])
def test_a_command_that_cannot_be_run_as_given_is_refused(sandbox, place, change):
    given = {"argv": ("true",), "cwd": place, "env": {"PATH": PATH}, "writable": (place,), **change}
    with pytest.raises(SandboxError):
        sandbox.run(Command(**given))
