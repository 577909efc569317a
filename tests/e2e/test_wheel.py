"""The wheel carries the whole program: it is built, unpacked, and does the main job from there."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
PARTS = ("src", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "schema.sql")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The repository without its page, as a fresh clone is."""
    copy = tmp_path_factory.mktemp("clone")
    for part in (*PARTS, "hatch_build.py"):
        source = HERE / part
        if source.is_dir():
            shutil.copytree(
                source, copy / part, ignore=shutil.ignore_patterns("__pycache__", "static")
            )
        else:
            shutil.copy(source, copy / part)
    return copy


def build(tree, out):
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_wheel_is_built_that_lacks_the_page(tree, tmp_path):
    done = build(tree, tmp_path)
    assert done.returncode != 0
    assert "the wheel would lack the page. `make dist` builds both" in done.stderr
    assert not list(tmp_path.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(tree, tmp_path_factory):
    """The wheel's files, as an installer lays them out."""
    built = shutil.copytree(tree, tmp_path_factory.mktemp("built") / "clone")
    page = built / "src/damascus/api/static"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>Damascus</title>\n")
    (page / "assets/index-1.js").write_text("0\n")
    out = tmp_path_factory.mktemp("wheel")
    done = build(built, out)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    assert wheel.name.startswith("damascus_orchestrator-")
    into = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(into)
    return into


def test_the_wheel_carries_every_file_of_the_package_the_page_and_the_schema(tree, unpacked):
    wanted = {p.relative_to(tree / "src") for p in (tree / "src").rglob("*") if p.is_file()}
    carried = {p.relative_to(unpacked) for p in unpacked.rglob("*") if p.is_file()}
    assert wanted - carried == set()
    assert Path("damascus/api/static/index.html") in carried
    assert Path("damascus/state/schema.sql") in carried


def test_the_demonstration_runs_from_the_wheel_alone(unpacked, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "damascus", "demo", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "PYTHONPATH": str(unpacked),
            "LANG": "C.UTF-8",
        },
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is True
