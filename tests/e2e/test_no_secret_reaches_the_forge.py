"""A story, a model and an agent repeat secrets; a real worker carries the story to merged.

Afterwards no secret is in the repository, its pull request, the run logs, the rows or what the
command line says.
"""

from __future__ import annotations

import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from damascus.demo.model_script import Ask, Reply, Say
from damascus.demo.model_server import ModelServer
from damascus.demo.script import SLUGS, DemoModel
from damascus.text.redaction import MASK
from support.git_repos import BareRepository, git
from support.processes import Programs
from support.scripted_tasks import as_url
from support.sinks import leaks
from support.textkit import STORIES, textkit
from support.written import SHAPED, written

OWN = "q7Zt-canary/91xLm=42"
OTHER = SHAPED["GitHub"]
WAYS = ("raw", "URL-encoded", "base64, shifted by 1", "JSON", "inside ANSI")
WORDS = " and ".join(dict(written(secret))[way] for secret in (OWN, OTHER) for way in WAYS)
HALVES = [half for one in (OWN, OTHER) for half in (one[: len(one) // 2], one[len(one) // 2 :])]
AGENT = f"""#!{sys.executable}
import pathlib, sys
if sys.argv[1:] == ["--version"]:
    raise SystemExit
print("the last words are", {WORDS!r})
if "kind='finding'" not in pathlib.Path(sys.argv[2]).read_text():
    raise SystemExit(1)
for name, text in {SLUGS.files(0)!r}.items():
    (pathlib.Path(sys.argv[1]) / name).write_text(text)
"""


class Talkative(DemoModel):
    """The demonstration's model, which puts secrets into its specs."""

    def __call__(self, ask: Ask) -> Reply:
        reply = super().__call__(ask)
        if not isinstance(reply, Say):
            return reply
        return replace(reply, text=reply.text.replace("Authors can", f"With {WORDS} authors can"))


@pytest.fixture
def programs(tmp_path: Path, database_url: str) -> Iterator[Programs]:
    home = tmp_path / "work"
    home.mkdir()
    BareRepository(tmp_path, "textkit").push(textkit())
    agent = tmp_path / "agent"
    agent.write_text(AGENT)
    agent.chmod(agent.stat().st_mode | stat.S_IXUSR)
    with ModelServer(Talkative()) as model:
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": OWN,
            "DAMASCUS_BUILDER": "command",
            "DAMASCUS_COMMAND_ARGV": f'["{agent}", "{{checkout}}", "{{prompt_file}}"]',
        }
        with Programs(home, fresh=True, **settings) as programs:
            yield programs


@pytest.mark.timeout(300)
def test_what_story_model_and_agent_repeat_is_told_to_nobody(programs, tmp_path, database_url):
    repo = tmp_path / "textkit.git"
    trust = ("--test-command-policy", "trust-spec", "--mutation-seconds", "0")
    programs.run("project", "add", "textkit", "--repo", str(repo), *trust)
    story = programs.home / "story.md"
    story.write_text((STORIES / "slugify-titles.md").read_text("utf-8") + f"\nWith {WORDS}.\n")
    title = ("--title", f"Turn titles into slugs with {OWN} and {OTHER}")
    said = [programs.run("ingest", "--project", "textkit", *title, str(story))]
    said.append(programs.run("cycle", "--until-idle"))
    item = programs.json("show", "1")["item"]
    assert item["phase"] == "merged", programs.run("show", "1").stdout
    assert git(repo, "rev-parse", "main") == item["merge_sha"]

    wrong = ("project", "add", "other", "--repo")
    places = (f"https://me:{OWN}@127.0.0.1:1/a/b", f"{tmp_path}/{OTHER}", f"{repo}/{OWN}")
    said += [programs.run(*wrong, place, check=False) for place in places]
    shown = (("show", "1"), ("show", "1", "--log"), ("show", "1", "--diff"), ("events",))
    said += [programs.run(*words) for words in shown]
    texts = [one.stdout + one.stderr for one in said]
    with closing(sqlite3.connect(repo / "damascus-pulls.db")) as records:
        pulls = "\n".join(records.iterdump())
    logs = [path.read_text("utf-8") for path in programs.home.rglob("run.log")]
    message = git(repo, "log", "--format=%B", "main")
    agents = [log for log in logs if "last words" in log]
    assert len(agents) == 2  # the first attempt failed, and its words went into the second
    for text in (pulls, message, *agents, texts[0], texts[-4]):
        assert MASK in text
    attempts = programs.home / "damascus" / "attempts"
    assert (
        leaks(
            HALVES,
            database=database_url,
            repositories=[repo],
            folders=[attempts],
            texts=[pulls, *texts, *logs, programs.log],
        )
        == []
    )
