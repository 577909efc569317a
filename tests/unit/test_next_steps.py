"""What a person is told to do about a base that is not green is read from the output's end."""

import dataclasses

import pytest

from damascus.domain.work import Project
from damascus.phases import next_steps

PROJECT = Project(id=1, name="beta", forge="local", repo="/r", base_branch="main")


@pytest.mark.parametrize(
    ("output", "program"),
    [
        ("sh: 1: uv: not found\n", "uv"),
        ("sh: line 2: pnpm: command not found\n", "pnpm"),
        ("/bin/sh: 3: cmake: not found\nmake: *** [Makefile:2: all] Error 127\n", "cmake"),
        ("make: gcc: No such file or directory\n", "gcc"),
        ("env: 'ruby': No such file or directory\n", "ruby"),
        ('exec: "gcc": executable file not found in $PATH\n', "gcc"),
    ],
)
def test_a_missing_program_is_named(output, program):
    assert next_steps.missing_program(output) == program
    for said in (
        next_steps.after_setup(PROJECT, "", output),
        next_steps.after_tests(PROJECT, output, ran=True),
    ):
        assert said.startswith(f"The program {program!r} is missing: install it")
        assert "DAMASCUS_AGENT_PATH" in said


def test_an_agent_missing_in_an_image_is_told_with_every_way_out():
    said = next_steps.without_agent("claude", "node:22-slim")
    assert "the image node:22-slim has no program 'claude'" in said
    assert all(one in said for one in ("--setup-command", "--builder", "on the worker"))


def test_a_program_missing_in_an_image_is_not_looked_for_on_the_workers_path(tmp_path):
    project = dataclasses.replace(PROJECT, image="node:22-slim")
    service = "[5432] sh: 1: uv: not found\n"
    for said in (
        next_steps.after_setup(project, "", "sh: 1: uv: not found\n"),
        next_steps.after_tests(project, "sh: 1: uv: not found\n", ran=False),
        next_steps.after_service(project, "5432: uv", service, str(tmp_path)),
        next_steps.without_program(project, ["uv"], str(tmp_path)),
    ):
        assert said.startswith("The image node:22-slim has no program 'uv' on its PATH")
        assert "DAMASCUS_AGENT_PATH" not in said


@pytest.mark.parametrize(
    "output",
    [
        "fatal: unable to access: Could not resolve host: git.example\n",
        "npm error getaddrinfo ENOTFOUND git.example\n",
        "npm error request failed, reason: getaddrinfo EAI_AGAIN git.example\n",
        "dial tcp: lookup git.example on 127.0.0.53:53: no such host\n",
        "failed to lookup address: Failed to resolve 'git.example' ([Errno -2])\n",
        "HTTPSConnectionPool(host='git.example', port=443): Max retries exceeded\n",
        "git.example: Name or service not known\n",
        "Unknown host git.example: Temporary failure in name resolution\n",
    ],
)
def test_a_host_that_was_wanted_is_named_with_the_option_that_allows_it(output):
    said = next_steps.after_setup(PROJECT, "", output)
    assert "the host git.example: allow it with damascus project change beta --" in said
    assert "the host git.example" in next_steps.after_tests(PROJECT, output, ran=False)


def test_the_network_is_named_where_no_host_is():
    said = next_steps.after_setup(PROJECT, "", "curl: Temporary failure in name resolution\n")
    assert said.startswith("The set-up wanted the network: allow it with")


def test_a_host_that_was_refused_is_allowed_by_the_option_that_the_set_up_named():
    sentence = "The set-up wanted to reach git.example: allow it with --registry-host git.example."
    said = next_steps.after_setup(PROJECT, sentence, "403 from the proxy\n")
    assert said == "damascus project change beta --registry-host git.example allows it."


def test_a_command_that_ends_well_without_a_report_may_be_believed_by_its_status():
    said = next_steps.unreported(PROJECT, ("make", "check"))
    assert (
        "damascus project change beta --test-command 'make check' --test-evidence exit-status"
        in said
    )


def test_what_nobody_can_tell_is_left_to_the_person():
    assert "Mend the set-up" in next_steps.after_setup(PROJECT, "", "error 42\n")
    assert "It ran no test" in next_steps.after_tests(PROJECT, "nothing\n", ran=False)
    assert "fail without any work" in next_steps.after_tests(PROJECT, "1 failed\n", ran=True)


def test_a_program_on_the_path_of_tests_is_not_missing(tmp_path):
    program = tmp_path / "tool"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert next_steps.on_path("tool", str(tmp_path)) == ""
    assert "install it there" in next_steps.on_path("tool", "/nonexistent")
    assert "'tool' is not" not in next_steps.without_program(PROJECT, ["tool"], str(tmp_path))
    assert "'a/tool' is not there" in next_steps.without_program(PROJECT, ["a/tool"], str(tmp_path))


def test_the_program_of_a_service_that_is_missing_is_named():
    output = "[6379] sh: 1: no-such-server: not found\n"
    said = next_steps.after_service(PROJECT, "no-such-server --port 6379", output, "/usr/bin")
    assert "no-such-server" in said
    assert "install" in said
    assert "See in its output" not in said


def test_a_service_that_ends_is_to_be_mended_or_changed():
    said = next_steps.after_service(PROJECT, "serve", "[80] no configuration\n", "/usr/bin")
    assert "damascus project change beta --service-command" in said
