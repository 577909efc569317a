"""The test command of a repository is read from its files, the likeliest first."""

import json

import pytest

from damascus.detection import proposals

PASSES = "def test_x():\n    assert True\n"
UNITTEST = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self): ...\n"


def found(files):
    return [" ".join(one.argv) for one in proposals(sorted(files), files.get)]


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, "pytest -q"),
        ({"pytest.ini": "[pytest]\n"}, "pytest -q"),
        ({"setup.cfg": "[tool:pytest]\n"}, "pytest -q"),
        ({"requirements-dev.txt": "black\npytest==8\n"}, "pytest -q"),
        ({"pyproject.toml": '[project]\ndependencies = ["pytest>=8"]\n'}, "pytest -q"),
        ({"tests/conftest.py": ""}, "pytest -q"),
        ({"tests/test_x.py": PASSES}, "pytest -q"),
        ({"test_x.py": UNITTEST}, "python3 -m unittest"),
        ({"tests/test_x.py": UNITTEST}, "python3 -m unittest discover -s tests"),
        (
            {"tests/__init__.py": "", "tests/test_x.py": UNITTEST},
            "python3 -m unittest discover -s tests -t .",
        ),
        ({"manage.py": "import django\n", "shop/tests.py": UNITTEST}, "python3 manage.py test"),
        ({"package.json": json.dumps({"scripts": {"test": "jest"}})}, "npm test"),
        (
            {"package.json": json.dumps({"scripts": {"test": "vitest"}}), "pnpm-lock.yaml": ""},
            "pnpm test",
        ),
        ({"package.json": json.dumps({"scripts": {"test": "x"}}), "yarn.lock": ""}, "yarn test"),
        (
            {
                "package.json": json.dumps(
                    {"scripts": {"test": "x"}, "packageManager": "pnpm@9.1.0"}
                ),
                "package-lock.json": "",
            },
            "pnpm test",
        ),
        ({"a.test.mjs": "import test from 'node:test';\n"}, "node --test"),
        ({"go.mod": "module x\n"}, "go test ./..."),
        ({"Cargo.toml": "[package]\n"}, "cargo test"),
        ({"Cargo.toml": "[workspace]\n"}, "cargo test --workspace"),
        ({"pom.xml": "<project/>"}, "mvn -B test"),
        ({"pom.xml": "<project/>", "mvnw": "#!/bin/sh\n"}, "./mvnw -B test"),
        ({"build.gradle.kts": "", "gradlew": ""}, "./gradlew test"),
        ({"Gemfile": "", "spec/x_spec.rb": ""}, "bundle exec rspec"),
        ({"Gemfile": "", "Rakefile": "Rake::TestTask.new\n"}, "bundle exec rake test"),
        ({"composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}'}, "vendor/bin/phpunit"),
        ({"Shop.sln": ""}, "dotnet test"),
        (
            {"CMakeLists.txt": "enable_testing()\n"},
            "ctest --test-dir build --output-on-failure",
        ),
        ({"Makefile": "all:\n\ntest: all\n\t./t\n"}, "make test"),
        ({"Makefile": "check:\n\t./t\n"}, "make check"),
    ],
)
def test_the_first_proposal_is_what_such_a_repository_usually_runs(files, first):
    assert found(files)[0] == first


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": "pytest -q\n"},
        {"package.json": "{"},
        {"package.json": '["test"]'},
        {"package.json": json.dumps({"scripts": {"test": 'echo "Error: no test specified"'}})},
        {"Makefile": "test := yes\nTESTS = x\n"},
        {"requirements.txt": "pytest-cov\n"},
    ],
)
def test_nothing_is_proposed_where_nothing_speaks_for_it(files):
    assert found(files) == []


def test_a_runner_known_by_name_goes_before_the_makefile():
    files = {"Makefile": "test:\n\tpytest\n", "pytest.ini": ""}
    assert found(files) == ["pytest -q", "make test"]


def test_the_options_of_the_ci_go_before_the_usual_ones():
    workflow = (
        "jobs:\n  test:\n    steps:\n"
        "      - run: pip install -r requirements.txt\n"
        "      - run: pytest -q tests/unit\n"
        "      - run: pytest && echo done\n"
        "      - name: Check the style\n"
        "      - run: |\n          go test -race ./...\n"
    )
    files = {".github/workflows/ci.yml": workflow, "pytest.ini": ""}
    assert found(files) == ["pytest -q tests/unit", "pytest -q", "go test -race ./..."]


def test_hostile_files_propose_no_shell_and_end():
    lines = ["- run: pytest; rm -rf ~", "- run: $(pytest)", "- run: py'test -q", "x" * 100_000]
    files = {".gitlab-ci.yml": "\n".join(lines * 50), "package.json": "[" * 100_000}
    assert found(files) == []


def test_each_proposal_says_why():
    (one,) = proposals(["pytest.ini"], {"pytest.ini": ""}.get)
    assert one.why == "there is a pytest.ini"
