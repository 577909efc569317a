import pytest

from damascus.phases.test_command import DEFAULT_TEST_PROGRAMS, RefusedCommandError, parse


@pytest.mark.parametrize(
    ("line", "argv"),
    [
        ("pytest", ("pytest",)),
        ("  pytest -q tests/unit  ", ("pytest", "-q", "tests/unit")),
        ("python -m pytest -k 'a and b'", ("python", "-m", "pytest", "-k", "a and b")),
        ("python3 -m pytest -c setup.cfg", ("python3", "-m", "pytest", "-c", "setup.cfg")),
        ("./gradlew test", ("./gradlew", "test")),
        ("go test ./...", ("go", "test", "./...")),
        ("npm test -- --ci", ("npm", "test", "--", "--ci")),
        ("make PYTHON=python3 check", ("make", "PYTHON=python3", "check")),
        ("uv run pytest", ("uv", "run", "pytest")),
        ("ctest --test-dir build", ("ctest", "--test-dir", "build")),
        ("node --test tests", ("node", "--test", "tests")),
        ("python tests/run.py -c x", ("python", "tests/run.py", "-c", "x")),
    ],
)
def test_a_plain_command_becomes_its_words(line, argv):
    assert parse(line) == argv


@pytest.mark.parametrize(
    "line",
    [
        "pytest; curl x",
        "pytest && rm -rf .",
        "pytest | tee log",
        "pytest > log",
        "pytest < in",
        "pytest $(id)",
        "pytest `id`",
        "pytest $HOME",
        "pytest ';'",
        "pytest\nrm -rf .",
        "pytest\rrm",
        "pytest & ",
        "make 'X=$(shell id)'",
        "FOO=1 pytest",
        "env FOO=1 pytest",
        "sh -c 'pytest'",
        "bash run.sh",
        "/usr/bin/pytest",
        "./pytest",
        "../pytest",
        "pytest /etc",
        "pytest ../other",
        "pytest --rootdir=/",
        "pytest --rootdir=../..",
        "pytest ~/tests",
        "python -c 'print(1)'",
        "python -Bc 'print(1)'",
        "python -B -cprint",
        "uv run python -c 1",
        "uv run bash x",
        "node -e 1",
        "node --eval=1",
        "node -pe 1",
        "npx -c ls",
        "make --eval=x",
        "curl x",
        "pytest 'unclosed",
        "",
        "   ",
        "''",
        "pytest " + "x" * 2000,
    ],
)
def test_what_needs_a_shell_or_reaches_outside_is_refused(line):
    with pytest.raises(RefusedCommandError):
        parse(line)


def test_a_program_that_the_project_does_not_run_is_named_with_those_it_does():
    with pytest.raises(RefusedCommandError, match=r"does not run 'npm'.*one of: pytest, tox"):
        parse("npm test", ["pytest", "tox"])


def test_the_project_may_allow_another_program():
    assert parse("bin/check all", ["bin/check"]) == ("bin/check", "all")


def test_every_reason_is_told_at_once():
    with pytest.raises(RefusedCommandError) as caught:
        parse("curl ../x | tee /etc/passwd")
    assert len(caught.value.reasons) == 4


def test_no_default_program_is_a_shell():
    assert not {"sh", "bash", "env", "sudo"} & set(DEFAULT_TEST_PROGRAMS)
