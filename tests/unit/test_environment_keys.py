"""Which files of a repository make another environment of a part of it."""

from __future__ import annotations

import pytest

from damascus.environments.keys import key_of
from damascus.ports import Recipe

FILES = {
    "package-lock.json": "{}",
    "packages/tsconfig/package.json": "{}",
    "packages/web/package.json": "{}",
    "packages/shared/pyproject.toml": "",
    "packages/core/setup.py": "",
    "packages/api/pyproject.toml": "shared = { path = '../shared', editable = true }\n",
    "packages/api/inner/setup.py": "",
    "packages/api/code.py": "",
    "tools/setup.sh": "",
}
RECIPE = Recipe(
    project="api",
    commands=("pip install -e ../core", "../../tools/setup.sh"),
    variables=(),
    path="/usr/bin:/bin",
    sandbox="bubblewrap",
    made_from="abc",
    directory="packages/api",
)


@pytest.fixture
def checkout(tmp_path):
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        *("package-lock.json", "packages/api/pyproject.toml", "packages/api/inner/setup.py"),
        *("packages/shared/pyproject.toml", "packages/core/setup.py", "tools/setup.sh"),
    ],
)
def test_what_a_part_is_made_from_makes_another_environment(checkout, path):
    before = key_of(RECIPE, checkout)
    (checkout / path).write_text("another\n")
    assert key_of(RECIPE, checkout) != before


@pytest.mark.parametrize(
    "path",
    ["packages/web/package.json", "packages/tsconfig/package.json", "packages/api/code.py"],
)
def test_what_lies_beside_a_part_and_sources_do_not(checkout, path):
    before = key_of(RECIPE, checkout)
    (checkout / path).write_text("another\n")
    assert key_of(RECIPE, checkout) == before


def test_a_manifest_that_names_itself_and_one_outside_the_repository_ends(checkout):
    (checkout / "packages/shared/pyproject.toml").write_text("'../shared' '../../../../etc'\n")
    (checkout / "packages/api/pyproject.toml").write_text("'../shared' '../..' '../../../x'\n")
    assert key_of(RECIPE, checkout)


@pytest.mark.parametrize("called", ["tools/inner.sh", "packages/api/pins.txt", "tools/deep/x.py"])
def test_what_a_script_of_the_set_up_calls_makes_another_environment(checkout, called):
    (checkout / "tools/deep").mkdir()
    files = {
        "tools/setup.sh": "#!/bin/sh\n. ../../tools/inner.sh\npip install -r pins.txt\n",
        "tools/inner.sh": "python3 deep/x.py && sh ./setup.sh\n",
        "tools/deep/x.py": "1\n",
        "packages/api/pins.txt": "a==1\n",
    }
    for path, text in files.items():
        (checkout / path).write_text(text)
    before = key_of(RECIPE, checkout)
    (checkout / called).write_text(f"{files[called]}# changed\n")
    assert key_of(RECIPE, checkout) != before
