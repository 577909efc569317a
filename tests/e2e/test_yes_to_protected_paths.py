"""A change of protected paths waits for a yes; the yes lets that very work through, unpaid."""

from __future__ import annotations

import json

from support.git_repos import BareRepository, git
from support.modelled_programs import modelled_programs
from support.textkit import STORIES, textkit

# Each run of it leaves other work.
AGENT = (
    "mkdir -p .gitea && echo 'on: push' > .gitea/ci.yml; date +%s%N > stamp.txt; echo agent runs"
)


def test_the_work_that_was_asked_about_is_merged_as_it_is_after_a_yes(tmp_path, database_url):
    repository = BareRepository(tmp_path, "textkit")
    repository.push(textkit())
    settings = {
        "DAMASCUS_BUILDER": "command",
        "DAMASCUS_COMMAND_ARGV": json.dumps(["sh", "-c", AGENT]),
    }
    with modelled_programs(tmp_path, database_url, **settings) as programs:
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
