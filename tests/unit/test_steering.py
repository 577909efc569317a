"""The base's copies of what decides how tests run are laid over the work, and nothing else is."""

from __future__ import annotations

import json
import tomllib

import pytest

from damascus.evidence.compare import ChangedFile
from damascus.evidence.steering import base_copies


def copies(*changes, spec="", command=("make", "test"), others=None):
    after = {path: text for path, _, text in changes if text is not None}
    changed = [ChangedFile(*change) for change in changes]
    return base_copies(changed, spec, command, {**(others or {}), **after})


@pytest.mark.parametrize(
    "path",
    [
        *("pytest.toml", "sub/pytest.ini", ".npmrc", "web/vite.config.ts", "jest.config.cjs"),
        *(".mocharc.json", ".cargo/config.toml", "rust-toolchain", "build/rules.mk", "Makefile"),
        *("mvnw", ".mvn/jvm.config", "gradle/wrapper/gradle-wrapper.properties", "Rakefile"),
        *("karma.conf.js", "babel.config.json", ".config/nextest.toml", ".env.test", "go.work"),
    ],
)
def test_a_file_that_steers_tests_is_taken_from_the_base(path):
    assert copies((path, "old", "new")) == {path: "old"}
    assert copies((path, None, "new")) == {path: None}
    assert copies((path, "old", None)) == {path: "old"}
    assert copies((path, "same", "same")) == {}


@pytest.mark.parametrize(
    "path", ["src/jest.py", "app/makefile.py", "a.py", "docs/tox.md", "cmd/mk.go"]
)
def test_a_source_is_the_works(path):
    assert copies((path, "old", "new")) == {}


def test_what_the_spec_names_is_the_works_to_change():
    assert copies(("Makefile", "old", "new"), spec="Change the Makefile.") == {}


def test_scripts_that_the_command_or_a_recipe_starts_are_taken_from_the_base():
    changes = [
        ("tools/run.sh", "#!/bin/sh\nexec tools/inner\n", "#!/bin/sh\ntrue\n"),
        ("tools/inner", "#!/bin/sh\npytest\n", "#!/bin/sh\ntrue\n"),
        ("tools/other.sh", "#!/bin/sh\n", "#!/bin/sh\ntrue\n"),
    ]
    assert set(copies(*changes, command=("tools/run.sh",))) == {"tools/run.sh", "tools/inner"}
    recipe = ("Makefile", "test:\n\ttools/other.sh\n", "test:\n\ttrue\n")
    assert set(copies(*changes, recipe)) == {"Makefile", "tools/other.sh"}


def test_scripts_are_followed_through_recipes_and_scripts_that_did_not_change():
    others = {
        "Makefile": "test:\n\tpython3 -B tools/run.py\n\tsh ci/all.sh\n",
        "ci/all.sh": "python3 -m tools.more\n",
    }
    changes = [
        ("tools/run.py", "import unittest\n", "import evil\n"),
        ("tools/more.py", "import unittest\n", "import evil\n"),
        ("tools/other.py", "import unittest\n", "import evil\n"),
    ]
    assert set(copies(*changes, others=others)) == {"tools/run.py", "tools/more.py"}


def test_a_test_command_or_a_tdd_plan_that_names_a_file_does_not_give_it_away():
    plan = "## Goal\n\nx\n\n## TDD Plan\n\n1. Tests in run.sh.\n\n## Test Command\n\nsh run.sh\n"
    assert copies(("run.sh", "pytest\n", "true\n"), spec=plan, command=("sh", "run.sh"))
    goal = plan.replace("\nx\n", "\nrun.sh ends at once.\n")
    assert not copies(("run.sh", "pytest\n", "true\n"), spec=goal, command=("sh", "run.sh"))


@pytest.mark.parametrize("path", ["x.egg-info/entry_points.txt", "a.pth", "node_modules/.bin/node"])
def test_what_an_interpreter_reads_unasked_is_taken_from_the_base(path):
    assert copies((path, None, "new")) == {path: None}


def test_a_new_dependency_in_package_json_stays_and_a_changed_script_does_not():
    old = {"name": "x", "scripts": {"test": "node --test"}}
    more = {**old, "dependencies": {"left-pad": "1.0.0"}}
    assert copies(("package.json", json.dumps(old), json.dumps(more))) == {}
    bent = {**more, "scripts": {"test": "true"}, "jest": {"bail": 0}}
    found = copies(("package.json", json.dumps(old), json.dumps(bent)))
    assert json.loads(found["package.json"]) == more


def test_a_new_dependency_in_pyproject_toml_stays_and_the_tests_configuration_does_not():
    old = '[project]\nname = "x"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'
    more = (
        '[project]\nname = "x"\ndependencies = ["y"]\n\n[tool.pytest.ini_options]\naddopts = "-q"\n'
    )
    assert copies(("pyproject.toml", old, more)) == {}
    bent = more.replace("-q", "--co")
    found = copies(("pyproject.toml", old, bent))["pyproject.toml"]
    assert tomllib.loads(found) == tomllib.loads(more)


def test_a_configuration_that_cannot_be_read_is_taken_whole():
    assert copies(("package.json", "{}", "{")) == {"package.json": "{}"}
    bent = 'x = """\n[tool.pytest.ini_options]\n"""\n'
    assert copies(("pyproject.toml", "", bent)) == {"pyproject.toml": ""}


def test_setup_cfg_gives_the_sections_that_concern_tests():
    old = "[metadata]\nname = x\n\n[tool:pytest]\naddopts = -q\n"
    new = "[metadata]\nname = y\n\n[tool:pytest]\naddopts = --co\n"
    found = copies(("setup.cfg", old, new))["setup.cfg"]
    assert "name = y" in found
    assert "addopts = -q" in found
    assert "--co" not in found
