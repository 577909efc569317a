"""The whole flow on real parts: worker and scheduler as processes over a real Redis, the forge
over HTTP, LiteLLM, and the real coding agents. Nobody calls `damascus cycle`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from damascus.demo.model_server import ModelServer
from damascus.demo.script import DemoModel
from support.gitea_standin import GiteaStandin
from support.processes import Programs
from support.redis_server import RedisServer
from support.scripted_tasks import as_url
from support.textkit import STORIES, textkit

CLAUDE = os.environ.get("DAMASCUS_TEST_CLAUDE") or shutil.which("claude")


@pytest.fixture(params=["mini", "claude"])
def builder(request) -> str:
    if request.param == "claude" and not CLAUDE:
        pytest.skip("Claude Code is not installed (DAMASCUS_TEST_CLAUDE names it)")
    return request.param


@pytest.fixture
def gitea(tmp_path) -> Iterator[GiteaStandin]:
    with GiteaStandin(tmp_path / "forge") as forge:
        forge.add_repo("acme", "textkit", textkit())
        yield forge


@pytest.fixture
def programs(tmp_path, database_url, gitea, builder) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    (home / "token").write_text(gitea.token + "\n")
    with ModelServer(DemoModel()) as model, RedisServer(tmp_path) as redis:
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_REDIS_URL": redis.url,
            "DAMASCUS_GITEA_URL": gitea.url,
            "DAMASCUS_GITEA_TOKEN_FILE": str(home / "token"),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": builder,
            "DAMASCUS_CLAUDE_EXECUTABLE": CLAUDE or "claude",
            "DAMASCUS_CLAUDE_BASE_URL": model.anthropic_base,
            "DAMASCUS_CLAUDE_AUTH_TOKEN": "sk-canary-of-the-agent",
            "DAMASCUS_CLAUDE_MODEL": "claude-sonnet-4-5",
            "DAMASCUS_RING_SECONDS": "1",
            "DAMASCUS_MAX_CONCURRENCY": "2",
        }
        with Programs(home, **settings) as programs:
            yield programs


def test_stories_reach_their_rest_with_nobody_calling_cycle(programs, gitea):
    threads = ("--max-async-tasks", "2", "--max-threadpool-threads", "2")
    programs.start("taskiq", "worker", "damascus.tasks:broker", "--workers", "1", *threads)
    programs.start("taskiq", "scheduler", "damascus.tasks:scheduler")
    repo = f"{gitea.url}/acme/textkit"
    trust = ("--test-command-policy", "trust-spec", "--mutation-seconds", "0")
    programs.run("project", "add", "textkit", "--repo", repo, *trust)
    for story in ("slugify-titles", "round-trip-romans"):
        programs.run("ingest", "--project", "textkit", str(STORIES / f"{story}.md"))

    merged = "textkit/slugify-titles"
    programs.until(lambda: programs.json("show", merged)["item"]["phase"] == "merged")
    item = programs.json("show", merged)["item"]
    gitea.expect_merged("acme/textkit", item["pr_number"])
    gitea.expect_one_pull("acme/textkit", item["branch"])
    assert gitea.head("acme/textkit", "main") == item["merge_sha"]
    assert "def slugify" in gitea.read("acme/textkit", "textkit/slugs.py")
    body = gitea.pull("acme/textkit", item["pr_number"]).body
    assert "Turn titles into slugs" in body
    assert "AC-1" in body
    states = [state for _, state, _ in gitea.statuses("acme/textkit", item["head_sha"])]
    assert states[-1] == "success"

    blocked = "textkit/round-trip-romans"
    programs.until(lambda: programs.json("show", blocked)["item"]["phase"] == "blocked")
    stuck = programs.json("show", blocked)["item"]
    assert stuck["attempts"] == 3
    gitea.expect_not_merged("acme/textkit", stuck["pr_number"])
    (issue,) = programs.json("issues")["issues"]
    assert issue["kind"] == "blocked"
    comments = gitea.comments("acme/textkit", stuck["pr_number"])
    assert any("FAILED (failures=" in body for body in comments)

    assert gitea.errors == []
    seen = programs.log + str(gitea.calls()) + str(gitea.pulls())
    for path in (programs.home / "damascus").rglob("*.log"):
        seen += path.read_text("utf-8", "replace")
    for secret in ("sk-canary-of-the-model", gitea.token):
        assert secret not in seen
    assert "Traceback" not in programs.log
