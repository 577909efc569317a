"""What a version manager's stand-in stands for goes before it on the PATH of tests."""

import os

import pytest

from damascus.environments.real_programs import real_path


@pytest.fixture
def manager(tmp_path):
    """Makes a version manager that answers as it is told."""

    def make(name, answer):
        shims = tmp_path / "shims"
        shims.mkdir(exist_ok=True)
        program = shims / name
        program.write_text(f"#!/bin/sh\n{answer}\n")
        program.chmod(0o755)
        return f"{shims}:/usr/bin:/bin"

    return make


def test_the_directory_of_the_real_program_goes_first(tmp_path, manager):
    real = tmp_path / "toolchain" / "bin"
    real.mkdir(parents=True)
    (real / "cargo").write_text("")
    path = manager("rustup", f'test "$1 $2" = "which cargo" && echo {real}/cargo')
    assert real_path(path, os.environ) == f"{real}:{path}"
    assert real_path(f"{real}:{path}", os.environ) == f"{real}:{path}", "it is there already"


def test_what_stands_before_a_stand_in_stays_there(tmp_path, manager):
    real = tmp_path / "real"
    real.mkdir()
    path = manager("pyenv", f"echo {real}")
    assert real_path(f"/venv/bin:{path}", os.environ) == f"/venv/bin:{real}:{path}"


def test_a_manager_may_name_several_directories(tmp_path, manager):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    path = manager("mise", f"echo {tmp_path}/a; echo {tmp_path}/b")
    assert real_path(path, os.environ) == f"{tmp_path}/a:{tmp_path}/b:{path}"


@pytest.mark.parametrize(
    "answer", ["exit 1", "echo no such thing", "echo relative/bin", "echo /no/such/place; exit 0"]
)
def test_what_a_manager_cannot_tell_changes_nothing(manager, answer):
    path = manager("pyenv", answer)
    assert real_path(path, os.environ) == path


def test_a_path_without_managers_stays_as_it_is():
    assert real_path("/nonexistent", {}) == "/nonexistent"
