"""A change of protected paths waits for a yes; the yes lets that very work through, unpaid."""

from __future__ import annotations

import json

from damascus.demo.model_server import ModelServer
from damascus.demo.script import DemoModel
from support.git_repos import BareRepository, git
from support.processes import Programs
from support.scripted_tasks import as_url
from support.textkit import STORIES, textkit

# Each run of it leaves other work.
AGENT = (
    "mkdir -p .gitea && echo 'on: push' > .gitea/ci.yml; date +%s%N > stamp.txt; echo agent runs"
)


def test_the_work_that_was_asked_about_is_merged_as_it_is_after_a_yes(tmp_path, database_url):
    repository = BareRepository(tmp_path, "textkit")
    repository.push(textkit())
    with ModelServer(DemoModel()) as model:
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "command",
            "DAMASCUS_COMMAND_ARGV": json.dumps(["sh", "-c", AGENT]),
        }
        with Programs(tmp_path, **settings) as programs:
            policy = ("--protected-policy", "ask", "--test-evidence", "exit-status")
            programs.run(
                *("project", "add", "textkit", "--repo", str(repository.path), *policy),
                *("--test-command", "python3 -c pass"),
            )
            programs.run("ingest", "--project", "textkit", str(STORIES / "slugify-titles.md"))
            programs.run("cycle", "--until-idle")
            (issue,) = programs.json("issues")["issues"]
            assert (issue["kind"], issue["phase"]) == ("blocked", "build")
            assert "- added .gitea/ci.yml" in issue["body"]
            branches = git(repository.path, "for-each-ref", "--format=%(refname)")
            assert "damascus" not in branches

            programs.run("answer", str(issue["id"]), "yes")
            programs.run("cycle", "--until-idle")
            shown = programs.json("show", "1")
            assert shown["item"]["phase"] == "merged"
            kept = programs.home / "damascus" / "kept" / "textkit.git"
            (asked,) = git(kept, "for-each-ref", "--format=%(refname)").split()
            stamp = git(kept, "show", f"{asked}:stamp.txt")
            assert git(repository.path, "show", "main:stamp.txt") == stamp
            assert git(repository.path, "show", "main:.gitea/ci.yml") == "on: push"
            builds = [run for run in shown["runs"] if run["phase"] == "build"]
            assert len(builds) == 2
            logs = (programs.home / "damascus").rglob("*.log")
            assert sum("agent runs" in log.read_text() for log in logs) == 1
