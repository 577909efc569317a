"""A forge and a builder of another distribution, as `docs/extending.md` shows them, carry a story.

The page's own examples are installed: their files and the metadata that names them, in a directory
on Python's path.
"""

from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from damascus.demo.model_server import ModelServer
from damascus.demo.script import SLUGS, DemoModel
from support.git_repos import BareRepository, git
from support.processes import Programs
from support.scripted_tasks import as_url
from support.textkit import STORIES, textkit

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
AGENT = f"""#!{sys.executable}
import os, pathlib, sys
if sys.argv[1:] == ["--version"]:
    print("scribe 1.0")
    raise SystemExit
assert os.environ["SCRIBE_KEY"] == "canary-of-the-scribe"
assert "slug" in sys.stdin.read()
print("the key is", os.environ["SCRIBE_KEY"])
checkout = pathlib.Path(sys.argv[1])
"""


def examples() -> dict[str, str]:
    """The files that the page shows, by name."""
    blocks = re.findall(
        r"```(?:python|toml)\n# (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    return dict(blocks)


def install(place: Path) -> None:
    """Put the distribution of the page where Python finds it."""
    files = examples()
    for name in ("acme_forge.py", "acme_builder.py"):
        (place / name).write_text(files[name])
    groups = re.findall(
        r'\[project\.entry-points\."(\S+)"\]\n(\w+ = )"(\S+)"', files["pyproject.toml"]
    )
    assert len(groups) == 2
    info = place / "damascus_acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: damascus-acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "".join(f"[{group}]\n{name}{value}\n" for group, name, value in groups)
    )


@pytest.fixture
def programs(tmp_path, database_url) -> Iterator[Programs]:
    home, site, shelf = tmp_path / "work", tmp_path / "site", tmp_path / "shelf"
    for directory in (home, site, shelf):
        directory.mkdir()
    install(site)
    BareRepository(shelf, "textkit").push(textkit())
    agent = tmp_path / "scribe"
    files = (
        f"for name, text in {SLUGS.files(0)!r}.items():\n    (checkout / name).write_text(text)\n"
    )
    agent.write_text(AGENT + files)
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    with ModelServer(DemoModel()) as model:
        settings = {
            "PYTHONPATH": str(site),
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "scribe",
            "DAMASCUS_SHELF_ROOT": str(shelf),
            "DAMASCUS_SCRIBE_PROGRAM": str(agent),
            "DAMASCUS_SCRIBE_KEY": "canary-of-the-scribe",
        }
        with Programs(home, fresh=True, **settings) as programs:
            yield programs


def carried(programs, tmp_path, repo: str) -> None:
    """Carry a story to merged with the builder of the page, in the repository `repo`."""
    trust = ("--test-command-policy", "trust-spec", "--mutation-seconds", "0")
    programs.run("project", "add", "textkit", "--repo", repo, *trust)
    programs.run("ingest", "--project", "textkit", str(STORIES / "slugify-titles.md"))
    programs.run("cycle", "--until-idle")

    item = programs.json("show", "textkit/slugify-titles")["item"]
    assert (item["phase"], item["repo"]) == ("merged", repo)
    assert git(tmp_path / "shelf" / "textkit.git", "rev-parse", "main") == item["merge_sha"]
    logs = "".join(path.read_text("utf-8") for path in programs.home.rglob("run.log"))
    assert "the key is" in logs
    assert "canary" not in logs


def test_a_builder_of_another_distribution_carries_a_story_to_merged(programs, tmp_path):
    carried(programs, tmp_path, str(tmp_path / "shelf" / "textkit.git"))


def test_a_forge_of_another_distribution_carries_a_story_to_merged(programs, tmp_path):
    carried(programs, tmp_path, "shelf:textkit")


def test_their_settings_and_checks_are_shown_like_ours(programs):
    settings = {one["name"]: one for one in programs.json("config")["settings"]}
    assert settings["scribe_key"]["value"] == "(set, hidden)"
    assert settings["scribe_key"]["origin"] == "environment"
    assert settings["shelf_root"]["help"] == "Directory of the bare repositories."

    done = programs.run("doctor", "--json", check=False)
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert found["forge shelf"]["sentence"] == "1 repositories on the shelf"
    assert found["builder scribe"]["sentence"] == "scribe 1.0"


def test_an_entry_that_cannot_be_loaded_stops_nothing_and_is_told_of(programs, tmp_path):
    (tmp_path / "site" / "acme_forge.py").write_text("import no_such_module\n")
    programs.run("project", "list")
    done = programs.run("project", "add", "x", "--repo", "shelf:x", "--forge", "shelf", check=False)
    assert done.returncode == 3
    assert "no_such_module" in done.stderr
