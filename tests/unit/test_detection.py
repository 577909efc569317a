"""Set-up and test command of a repository are read from its files, the likeliest first."""

import json

import pytest

from damascus.detection import parts, proposals

PASSES = "def test_x():\n    assert True\n"
UNITTEST = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self): ...\n"

GO_BUILD = "go test -count=1 -exec true ./... >/dev/null 2>&1 || true"
TARGET = """echo "build.target-dir = '$HOME/target'" >"$HOME/.cargo/config.toml\""""
CARGO_BUILD = (f'mkdir -p "$HOME/.cargo"; {TARGET}', "cargo test --no-run >/dev/null 2>&1 || true")


def found(files):
    return [" ".join(one.argv) for one in proposals(sorted(files), files.get)]


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"pyproject.toml": "[tool.pytest.ini_options]\n"}, "pytest -q"),
        ({"pytest.ini": "[pytest]\n"}, "pytest -q"),
        ({"setup.cfg": "[tool:pytest]\n"}, "pytest -q"),
        ({"requirements-dev.txt": "black\npytest==8\n"}, ".venv/bin/python -m pytest -q"),
        (
            {"pyproject.toml": '[project]\ndependencies = ["pytest>=8"]\n'},
            ".venv/bin/python -m pytest -q",
        ),
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
        ({"pom.xml": "<project/>"}, "mvn -B -o test"),
        ({"pom.xml": "<project/>", "mvnw": "#!/bin/sh\n"}, "./mvnw -B -o test"),
        ({"build.gradle.kts": "", "gradlew": ""}, "./gradlew --no-daemon --offline test"),
        ({"Gemfile": "", "spec/x_spec.rb": ""}, "bundle exec rspec"),
        ({"Gemfile": "", "Rakefile": "Rake::TestTask.new\n"}, "bundle exec rake test"),
        ({"composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}'}, "vendor/bin/phpunit"),
        ({"Shop.sln": ""}, "dotnet test --no-restore"),
        (
            {"CMakeLists.txt": "enable_testing()\n"},
            (
                "ctest --build-and-test . build --build-generator Unix Makefiles --build-noclean "
                "--test-command ctest --output-on-failure"
            ),
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


def test_a_line_of_the_ci_that_runs_no_test_is_no_proposal():
    files = {
        ".github/workflows/ci.yml": "- run: cargo test --no-run\n- run: pytest --co -q\n",
        "Cargo.toml": "[package]\n",
    }
    assert found(files) == ["cargo test"]


def test_a_ctest_of_the_ci_that_builds_nothing_does_not_go_before_the_one_that_does():
    files = {
        ".github/workflows/ci.yml": "- run: ctest -V\n",
        "CMakeLists.txt": "enable_testing()\n",
    }
    assert found(files)[0].startswith("ctest --build-and-test")


def test_the_specs_of_a_tool_that_was_copied_in_are_not_the_repositorys():
    files = {
        "CMakeLists.txt": "enable_testing()\n",
        "tests/unity/test/spec/x_spec.rb": "",
        "tests/test_x.py": PASSES,
    }
    assert not any("rspec" in argv for argv in found(files))


def test_what_go_and_cargo_build_for_the_tests_of_the_ci_is_built_with_its_options():
    files = {
        ".github/workflows/ci.yml": "- run: go test -race ./...\n- run: cargo test -F x -- -q\n",
        "go.mod": "module x\n",
        "Cargo.toml": "[package]\n",
    }
    first = {one.argv[0]: one.setup[-1] for one in reversed(proposals(sorted(files), files.get))}
    assert first["go"].startswith("go test -count=1 -exec true -race ./... >")
    assert first["cargo"].startswith("cargo test --no-run -F x >")


def test_hostile_files_propose_no_shell_and_end():
    lines = ["- run: pytest; rm -rf ~", "- run: $(pytest)", "- run: py'test -q", "x" * 100_000]
    files = {".gitlab-ci.yml": "\n".join(lines * 50), "package.json": "[" * 100_000}
    assert found(files) == []


PYPROJECT = '[project]\nname = "a"\n[tool.pytest.ini_options]\n'
SCRIPT = json.dumps({"scripts": {"test": "vitest"}, "devDependencies": {"vitest": "1"}})
PIP = ".venv/bin/pip install --disable-pip-version-check -q"


@pytest.mark.parametrize(
    ("files", "setup"),
    [
        (
            {"pyproject.toml": PYPROJECT, "uv.lock": ""},
            ("UV_PYTHON_DOWNLOADS=never uv sync --frozen",),
        ),
        (
            {
                "pyproject.toml": PYPROJECT
                + '[dependency-groups]\ntests = ["pytest"]\ndev = []\ndocs = []\n'
                "[project.optional-dependencies]\ntest = []\nspeed = []\n",
                "uv.lock": "",
            },
            ("UV_PYTHON_DOWNLOADS=never uv sync --frozen --extra test --group tests",),
        ),
        (
            {"pyproject.toml": PYPROJECT, "poetry.lock": ""},
            ("POETRY_VIRTUALENVS_IN_PROJECT=true poetry install --no-interaction",),
        ),
        ({"pyproject.toml": PYPROJECT, "pdm.lock": ""}, ("pdm sync --dev",)),
        (
            {"requirements.txt": "x\n", "requirements-dev.txt": "pytest\n", "test_a.py": PASSES},
            ("python3 -m venv .venv", f"{PIP} -r requirements-dev.txt -r requirements.txt"),
        ),
        (
            {
                "requirements/test.txt": "pytest\n",
                "docs/requirements.txt": "y",
                "test_a.py": PASSES,
            },
            ("python3 -m venv .venv", f"{PIP} -r requirements/test.txt"),
        ),
        (
            {"pyproject.toml": PYPROJECT, "src/a/__init__.py": ""},
            ("python3 -m venv .venv", f"{PIP} -e . pytest"),
        ),
        (
            {
                "pyproject.toml": PYPROJECT
                + '[project.optional-dependencies]\ntest = ["pytest"]\n',
                "src/a/__init__.py": "",
            },
            ("python3 -m venv .venv", f"{PIP} -e '.[test]'"),
        ),
        (
            {
                "pyproject.toml": PYPROJECT
                + '[dependency-groups]\ndev = [{include-group = "test"}]\ntest = ["pytest>=7"]\n'
            },
            ("python3 -m venv .venv", f"{PIP} -e . 'pytest>=7'"),
        ),
        ({"package.json": SCRIPT, "package-lock.json": ""}, ("npm ci --no-audit --no-fund",)),
        ({"package.json": SCRIPT, "pnpm-lock.yaml": ""}, ("pnpm install --frozen-lockfile",)),
        ({"package.json": SCRIPT, "yarn.lock": ""}, ("yarn install --frozen-lockfile",)),
        (
            {"package.json": SCRIPT, "yarn.lock": "__metadata:\n  version: 8\n"},
            ("yarn install --immutable",),
        ),
        ({"package.json": SCRIPT}, ("npm install --no-audit --no-fund --no-package-lock",)),
        ({"package.json": json.dumps({"scripts": {"test": "node a.js"}})}, ()),
        ({"go.mod": "module x\n", "go.sum": ""}, ("go mod download", GO_BUILD)),
        ({"go.mod": "module x\n"}, (GO_BUILD,)),
        ({"go.mod": "module x\n", "go.sum": "", "vendor/modules.txt": ""}, (GO_BUILD,)),
        (
            {"Cargo.toml": "[package]\n", "Cargo.lock": ""},
            ("cargo fetch --locked", *CARGO_BUILD),
        ),
        ({"Cargo.toml": "[package]\n"}, ("cargo fetch", *CARGO_BUILD)),
        (
            {"Gemfile": "", "spec/x_spec.rb": ""},
            ("bundle config set --local path vendor/bundle", "bundle install"),
        ),
        (
            {"composer.json": '{"require-dev": {"phpunit/phpunit": "^11"}}'},
            ("composer install --no-interaction --no-progress",),
        ),
        ({"CMakeLists.txt": "enable_testing()\n"}, ("cmake -S . -B build -G 'Unix Makefiles'",)),
        (
            {"configure.ac": "", "Makefile.am": "TESTS = x\n"},
            ("autoreconf -fi", "./configure"),
        ),
        ({"pytest.ini": ""}, ()),
    ],
)
def test_what_a_fresh_checkout_lacks_is_proposed_with_the_command(files, setup):
    assert proposals(sorted(files), files.get)[0].setup == setup


def test_a_flat_package_without_dependencies_is_tried_as_it_is_first():
    files = {"pyproject.toml": PYPROJECT, "a/__init__.py": "", "tests/test_a.py": PASSES}
    bare, installed = proposals(sorted(files), files.get)
    assert (bare.argv, bare.setup) == (("pytest", "-q"), ())
    assert installed.argv == (".venv/bin/python", "-m", "pytest", "-q")


def test_a_manager_that_is_not_there_is_fetched_by_what_everybody_has():
    files = {"package.json": SCRIPT, "pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}
    own, fetched = proposals(sorted(files), files.get)
    assert own.argv == ("pnpm", "test")
    assert fetched.argv == ("npm", "test")
    assert fetched.setup == ("npx --yes pnpm@9 install --frozen-lockfile",)
    files = {"pyproject.toml": PYPROJECT, "uv.lock": ""}
    assert proposals(sorted(files), files.get)[1].setup[1].endswith(" -q uv")


YARN = "npx --yes @yarnpkg/cli-dist@"
LINKED = "env YARN_NODE_LINKER=node-modules "


@pytest.mark.parametrize(
    ("said", "files", "own", "fetched"),
    [
        ("yarn@3.6.1+sha256.a1", {"yarn.lock": ""}, "--immutable", f"{LINKED}{YARN}3.6.1 install"),
        ("yarn@4.1.0", {}, "--no-immutable", f"{LINKED}{YARN}4.1.0 install"),
        (
            "",
            {"yarn.lock": "__metadata:\n  version: 6\n"},
            "--immutable",
            f"{LINKED}{YARN}3 install",
        ),
        (
            "",
            {"yarn.lock": "__metadata:\n  version: 8\n"},
            "--immutable",
            f"{LINKED}{YARN}4 install",
        ),
        (
            "yarn@3.6.1",
            {"yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\n"},
            "--immutable",
            f"{YARN}3.6.1 install",
        ),
        (
            "",
            {"yarn.lock": "", ".yarnrc.yml": "nodeLinker: pnp\n"},
            "--immutable",
            f"{LINKED}{YARN}4 install",
        ),
        (
            "",
            {"yarn.lock": "# yarn lockfile v1\n", ".yarnrc.yml": ""},
            "--frozen-lockfile",
            "npx --yes yarn@1 install",
        ),
        ("yarn@1.22.19", {"yarn.lock": ""}, "--frozen-lockfile", "npx --yes yarn@1.22.19 install"),
    ],
)
def test_yarn_of_any_age_is_fetched_where_it_is_missing(said, files, own, fetched):
    package = {"scripts": {"test": "x"}, "devDependencies": {"x": "1"}, "packageManager": said}
    files = {"package.json": json.dumps(package), **files}
    first, second = proposals(sorted(files), files.get)
    assert (first.argv, first.setup) == (("yarn", "test"), (f"yarn install {own}",))
    assert (second.argv, second.setup) == (("npm", "test"), (f"{fetched} {own}",))


def test_a_runner_behind_a_package_manager_in_a_script_is_started_alone():
    script = "pnpm lint && pnpm vitest run"
    package = json.dumps({"scripts": {"test": script}, "devDependencies": {"vitest": "1"}})
    files = {"package.json": package, "pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}
    first, second, *_ = proposals(sorted(files), files.get)
    assert first.argv == second.argv == ("node_modules/.bin/vitest", "run")
    assert first.setup == ("pnpm install --frozen-lockfile",)
    assert second.setup == ("npx --yes pnpm@8 install --frozen-lockfile",)


def test_the_options_of_the_ci_are_kept_where_the_set_up_makes_the_runner():
    workflow = "      - run: uv run pytest -n 4\n      - run: python -m pytest tests\n"
    files = {"pyproject.toml": PYPROJECT, "uv.lock": "", ".github/workflows/ci.yml": workflow}
    assert found(files)[:3] == [
        ".venv/bin/python -m pytest -n 4",
        ".venv/bin/python -m pytest tests",
        ".venv/bin/python -m pytest -q",
    ]


def test_a_part_of_a_monorepo_is_looked_at_alone():
    files = {
        "README.md": "",
        "backend/go.mod": "module x\n",
        "backend/tools/go.mod": "module y\n",
        "web/app/package.json": SCRIPT,
        "web/app/package-lock.json": "",
        "web/app/node_modules/b/package.json": SCRIPT,
        "examples/c/Cargo.toml": "[package]\n",
        ".hidden/go.mod": "",
        "a/b/c/d/go.mod": "",
    }
    assert parts(sorted(files)) == ("backend", "web/app")
    (one,) = proposals(sorted(files), files.get, "web/app")
    assert (one.argv, one.setup) == (("npm", "test"), ("npm ci --no-audit --no-fund",))
    assert one.directory == "web/app"
    assert proposals(sorted(files), files.get) == ()


def test_each_proposal_says_why():
    (one,) = proposals(["pytest.ini"], {"pytest.ini": ""}.get)
    assert one.why == "there is a pytest.ini"


UV_WORKSPACE = {
    "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
    "uv.lock": "",
    "packages/api/pyproject.toml": "[project]\nname = 'api'\n[dependency-groups]\ntest = []\n",
    "packages/api/tests/test_x.py": PASSES,
}


def test_a_member_of_a_uv_workspace_is_set_up_by_the_lock_at_the_top():
    first = proposals(sorted(UV_WORKSPACE), UV_WORKSPACE.get, "packages/api")[0]
    assert first.argv == ("../../.venv/bin/python", "-m", "pytest", "-q")
    assert first.setup == ("UV_PYTHON_DOWNLOADS=never uv sync --frozen --group test",)
    assert "the uv.lock at the top is of the workspace" in first.why


def test_a_part_beside_a_lock_that_is_no_workspaces_is_set_up_by_itself():
    files = {**UV_WORKSPACE, "pyproject.toml": "[project]\nname = 'other'\n"}
    found = proposals(sorted(files), files.get, "packages/api")
    assert [one.argv[0] for one in found] == ["pytest", ".venv/bin/python"]
    assert "pip install" in found[-1].setup[-1]


@pytest.mark.parametrize(
    ("top", "argv", "setup"),
    [
        (
            {"package.json": '{"workspaces": ["packages/*"]}', "package-lock.json": ""},
            ("npm", "test"),
            ("npm ci --no-audit --no-fund",),
        ),
        (
            {"pnpm-workspace.yaml": "", "pnpm-lock.yaml": "lockfileVersion: '9.0'\n"},
            ("pnpm", "test"),
            ("pnpm install --frozen-lockfile",),
        ),
        (
            {"package.json": "{}", "package-lock.json": ""},  # of no workspace
            ("npm", "test"),
            ("npm install --no-audit --no-fund --no-package-lock",),
        ),
    ],
)
def test_a_member_of_a_node_workspace_is_installed_by_the_lock_at_the_top(top, argv, setup):
    files = {**top, "packages/api/package.json": SCRIPT}
    first = proposals(sorted(files), files.get, "packages/api")[0]
    assert (first.argv, first.setup) == (argv, setup)


def test_a_wrapper_at_the_top_is_started_from_the_part():
    files = {"gradlew": "", "services/api/build.gradle": "", "services/api/x/build.gradle": ""}
    first = proposals(sorted(files), files.get, "services/api")[0]
    assert first.argv[0] == "../../gradlew"
