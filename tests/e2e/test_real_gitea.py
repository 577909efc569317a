"""A story on a real Gitea, from its text to the merge commit, and what `verify` says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from damascus.demo.model_server import ModelServer
from damascus.demo.script import DemoModel
from support.processes import Programs
from support.real_gitea import RealGiteaWorld
from support.scripted_tasks import as_url
from support.textkit import STORIES, textkit


@pytest.fixture
def world(real_gitea, tmp_path) -> Iterator[RealGiteaWorld]:
    # Not `main`: nothing may take that name for granted.
    one = RealGiteaWorld(real_gitea, tmp_path / "world", branch="trunk", files=textkit())
    yield one
    one.close()


@pytest.fixture
def programs(tmp_path, database_url, real_gitea) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    (home / "token").write_text(real_gitea.token + "\n")
    with ModelServer(DemoModel()) as model:
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_GITEA_URL": real_gitea.url,
            "DAMASCUS_GITEA_TOKEN_FILE": str(home / "token"),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "mini",
        }
        with Programs(home, **settings) as programs:
            yield programs


def test_a_story_is_merged_on_a_real_gitea_and_verify_finds_nothing_wrong(programs, world):
    words = ("--repo", f"{world.server.url}/{world.name}", "--base-branch", "trunk")
    words += ("--test-command-policy", "trust-spec", "--mutation-seconds", "0")
    programs.run("project", "add", "textkit", *words)
    programs.run("ingest", "--project", "textkit", str(STORIES / "slugify-titles.md"))
    programs.run("cycle", "--until-idle")

    item = programs.json("show", "textkit/slugify-titles")["item"]
    assert item["phase"] == "merged", item
    sha, parents, message = world.log("trunk")[0]
    assert (sha, parents[1]) == (item["merge_sha"], item["head_sha"])
    assert f"(#{item['pr_number']})" in message
    assert "def slugify" in world.read("textkit/slugs.py", "trunk")
    assert world.status(item["head_sha"])[0] == "success"
    assert world.head(item["branch"]) is None, "the branch of a merged pull request is left behind"
    pull = world.forge.pull(item["pr_number"])
    assert (pull.merged, pull.merge_sha, pull.head_branch) == (True, sha, item["branch"])
    assert "nothing wrong" in programs.run("verify", "--forge").stdout
