"""A part of a repository as a project: which directories can be named, and the paths seen there."""

from __future__ import annotations

from pathlib import Path

import pytest

from damascus.domain import directories
from damascus.domain.policy import PolicyValueError, changes
from damascus.evidence import scripts
from damascus.evidence.import_roots import python_roots
from damascus.evidence.reports.files import Where
from damascus.phases import project_directory, tampering
from damascus.phases.protected import outside
from damascus.ports import Entry


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("packages/api", "packages/api"),
        ("packages/api/", "packages/api"),
        ("./packages//api//", "packages/api"),
        ("größe/mit blank", "größe/mit blank"),
        (".hidden/a.git", ".hidden/a.git"),
        ("-x/*", "-x/*"),
    ],
)
def test_a_directory_is_kept_as_git_writes_it(given, kept):
    assert changes({"directory": given}).policy == {"directory": kept}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("/srv/api", "absolute path '/srv/api'"),
        ("../other", "leads out of the repository"),
        ("a/../b", "leads out of the repository or back"),
        (".", "names the top"),
        ("./", "names the top"),
        ("", "names the top"),
        (".git", "lies in .git"),
        ("sub/.GIT/hooks", "lies in .git"),
        ("a\nb", "a character that cannot be seen"),
        ("a\x00b", "NUL"),
        ("a\u200bb", "a character that cannot be seen"),
        ("a/" * 600, "at most 1,000"),
        (7, "is not a text"),
    ],
)
def test_what_can_be_no_directory_of_a_repository_is_one_sentence(given, why):
    with pytest.raises(PolicyValueError) as error:
        changes({"directory": given})
    assert why in str(error.value)
    assert "\n" not in str(error.value)


def test_paths_are_said_from_the_top_and_from_the_directory():
    assert directories.from_top("packages/api", "tests/a.py") == "packages/api/tests/a.py"
    assert directories.from_top("packages/api", "../../tools/x.sh") == "tools/x.sh"
    assert directories.from_top("packages/api", "../../../x").startswith("..")
    assert directories.from_inside("packages/api", "packages/web/a.js") == "../web/a.js"
    assert directories.first("packages/api", "packages/api/a.py") == "a.py"
    assert directories.first("packages/api", "packages/api2/a.py") is None
    assert directories.first("", "a.py") == "a.py"


def test_manifests_on_the_way_up_concern_a_directory_and_those_beside_it_do_not():
    concerned = [
        path
        for path in ("uv.lock", "packages/x.toml", "packages/api/a/b", "packages/web/uv.lock")
        if directories.concerns("packages/api", path)
    ]
    assert concerned == ["uv.lock", "packages/x.toml", "packages/api/a/b"]
    assert directories.concerns("", "packages/web/uv.lock")


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("tests/a.py", "packages/api/tests/a.py"),  # from where the command started
        ("packages/api/tests/a.py", "packages/api/tests/a.py"),  # from the runner's own top
        ("../web/b.py", "packages/web/b.py"),
        ("gone.py", "packages/api/gone.py"),
        ("/damascus/checkout/packages/api/tests/a.py", "packages/api/tests/a.py"),
        ("/usr/lib/c.py", "/usr/lib/c.py"),
        ("", ""),
    ],
)
def test_a_report_names_files_from_wherever_and_they_are_the_repositorys(tmp_path, told, path):
    for file in ("packages/api/tests/a.py", "packages/web/b.py"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    where = Where(tmp_path, "packages/api")
    assert where.located(told) == path
    assert where.located(f"{tmp_path}/packages/api/tests/a.py") == "packages/api/tests/a.py"


def test_a_directory_that_is_a_link_or_lies_behind_one_is_not_there(tmp_path: Path):
    (tmp_path / "real/inner").mkdir(parents=True)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("real")
    there = [
        directory
        for directory in ("", "real", "real/inner", "link", "link/inner", "file", "none")
        if project_directory.is_there(tmp_path, directory)
    ]
    assert there == ["", "real", "real/inner"]


def test_a_directory_is_made_again_but_never_through_a_link(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "checkout").mkdir()
    (tmp_path / "checkout/link").symlink_to("../out")
    project_directory.make(tmp_path / "checkout", "a/b")
    project_directory.make(tmp_path / "checkout", "link/b")
    assert (tmp_path / "checkout/a/b").is_dir()
    assert list((tmp_path / "out").iterdir()) == []


def changed(path, mode="100644"):
    return Entry(path, "", f"{mode} {'1' * 40}")


def test_what_lies_outside_the_directory_needs_leave():
    entries = [
        *(changed("packages/api/a.py"), changed("packages/api2/a.py"), changed("uv.lock")),
        *(changed("packages/api", "120000"), changed("packages", "120000"), changed("web/uv.lock")),
    ]
    strange = [entry.path for entry in outside(entries, "packages/api", ("/uv.lock",))]
    assert strange == ["packages", "packages/api", "packages/api2/a.py", "web/uv.lock"]
    assert outside(entries, "packages/api", ("**",)) == []
    assert outside(entries, "", ()) == []


def test_scripts_are_found_from_the_directory_and_from_the_top():
    files = {
        "packages/api/run.sh": "#!/bin/sh\n../../tools/check.sh\n",
        "tools/check.sh": "#!/bin/sh\nsh scripts/inner.sh\n",
        "scripts/inner.sh": "exit 0\n",
        "run.sh": "#!/bin/sh\n",
    }
    found = scripts.started(["./run.sh"], (), files, files.get, directory="packages/api")
    assert found == {"packages/api/run.sh", "tools/check.sh", "scripts/inner.sh", "run.sh"}


@pytest.mark.parametrize(
    ("path", "argv"),
    [
        ("packages/api/sitecustomize.py", ("pytest", "-q")),
        ("packages/api/src/unittest/__init__.py", ("python3", "-m", "unittest")),
        ("packages/api/GNUmakefile", ("make", "test")),
    ],
)
def test_what_stands_in_the_runners_way_is_seen_in_the_directory(path, argv):
    change = tampering.ChangedFile(path, None, "import os\n")
    assert tampering.concerns(path, argv, "packages/api")
    assert tampering.found([change], spec="", argv=argv, directory="packages/api")
    assert not tampering.found([change], spec="", argv=argv, directory="packages/web")


def test_the_program_of_the_test_command_is_the_directorys_own():
    change = tampering.ChangedFile("packages/api/run.sh", "exit 1\n", "exit 0\n")
    said = tampering.found([change], spec="", argv=("./run.sh",), directory="packages/api")
    assert said == ["packages/api/run.sh, which the test command runs, was changed."]


def test_python_finds_the_directorys_packages_and_those_of_its_workspace():
    files = {
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
        "packages/api/pyproject.toml": "[project]\nname = 'api'\n",
        "packages/api/src/api/__init__.py": "",
        "packages/shared/pyproject.toml": "[project]\nname = 'shared'\n",
        "packages/shared/shared/__init__.py": "",
        "tool.py": "",
    }
    roots = python_roots(sorted(files), files.get, "packages/api")
    assert roots == ["packages/api/src", "packages/shared"]
    del files["pyproject.toml"]
    assert python_roots(sorted(files), files.get, "packages/api") == ["packages/api/src"]
