"""Commands that start no test, by the real runners in the sandbox in force: none is asked about."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from damascus.domain.work import Phase, Verdict
from support.bare_pytest import bare_pytest
from support.fake_ports import FakeLLM
from support.sandboxes import at_hand
from support.shop import GREEN, PATH, Shop
from support.specs import GOOD_SPEC


@pytest.fixture
def shop(tmp_path):
    made = Shop(tmp_path, files={"login.py": GREEN})
    made.project = replace(made.project, test_command_policy="ask", test_evidence="report")
    path = f"{bare_pytest(tmp_path / 'bare')}:{PATH}"
    made.given, made.sandbox = {"path": path}, at_hand(path)
    return made


def proposes(shop, line):
    shop.llm = FakeLLM(GOOD_SPEC.replace("pytest -q", line))
    return shop.run(Phase.SPEC)


@pytest.mark.parametrize(
    "line",
    [
        "pytest --co -q",
        "pytest -k nothing_is_called_so",
        "python3 --version",
        "python3 -m compileall .",
        "python3 -m unittest -k nothing_is_called_so",
        "make -n test",
        "node --version",
    ],
)
def test_a_command_that_starts_no_test_is_refused(shop, line):
    program = line.split()[0]
    if shutil.which(program) is None and program not in {"pytest", "python3"}:
        pytest.skip(f"no {program} here")
    result = proposes(shop, line)
    assert result.verdict is Verdict.SPEC_WRONG, result
    assert "on the base" in result.summary or "cannot be run" in result.summary


def test_a_command_that_runs_the_tests_is_asked_about(shop):
    result = proposes(shop, "python3 -m unittest -v")
    assert result.asks_about_command, result
    assert "passed (unittest" in result.details["asked"]
