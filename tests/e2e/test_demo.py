"""The demonstration, as a new user runs it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx

from support.patience import patience
from support.processes import Programs


def test_the_demonstration_brings_its_three_stories_to_rest_as_they_should(tmp_path: Path):
    with Programs(tmp_path, fresh=True) as programs:
        report = json.loads(programs.run("demo", "--json", "--keep", "kept").stdout)
    assert report["ok"] is True
    phases = {item["key"]: item["phase"] for item in report["items"]}
    assert phases == {
        "slugify-titles": "merged",
        "shorten-texts": "merged",
        "round-trip-romans": "blocked",
    }
    kinds = {issue["kind"]: issue for issue in report["issues"]}
    assert kinds["question"]["answer"].startswith("At most 40 characters")
    assert kinds["blocked"]["closed_at"] is None
    assert "FAILED (failures=" in kinds["blocked"]["body"]
    assert set(report["merge_shas"]) == {"slugify-titles", "shorten-texts"}
    log = "\n".join(report["git_log"])
    assert all(sha[:7] in log for sha in report["merge_shas"].values())
    assert all(cost["usd"] is not None for cost in report["costs"])
    types = [event["type"] for event in report["events"]]
    assert types.count("work.merged") == 2
    assert types.count("work.retry") == 2
    assert types.count("work.blocked") == 1
    kept = tmp_path / "kept"
    assert (kept / "textkit.git" / "HEAD").is_file()
    assert list((kept / "home" / "attempts").glob("*/run.log"))
    with Programs(tmp_path) as programs:
        told = programs.run("verify", "--home", str(kept / "home"), "--forge").stdout
    assert "3 items" in told
    assert "nothing wrong" in told


def test_a_directory_that_is_not_empty_is_not_used(tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("precious")
    with Programs(tmp_path) as programs:
        done = programs.run("demo", "--keep", "full", check=False)
    assert done.returncode == 2
    assert "give a new or an empty directory" in done.stderr
    assert (tmp_path / "full" / "mine.txt").read_text() == "precious"


def test_an_agent_that_is_not_installed_is_said_before_the_first_story(tmp_path: Path):
    with Programs(tmp_path, DAMASCUS_CLAUDE_EXECUTABLE="no-such-agent") as programs:
        done = programs.run("demo", "--builder", "claude", check=False)
    assert done.returncode == 3
    assert "Claude Code (no-such-agent) is not there" in done.stderr


def test_its_page_can_be_looked_at_while_it_runs(tmp_path: Path):
    with Programs(tmp_path, DAMASCUS_SHUTDOWN_GRACE_SECONDS="0.2") as programs:
        demo = programs.start("damascus", "demo", "--open", "--keep", "kept")
        file = tmp_path / "kept" / "home" / "page.link"
        programs.until(lambda: "The page: " in programs.log)
        url, token = file.read_text().strip().split("/#/?token=")
        asked = {"Authorization": f"Bearer {token}"}
        items = httpx.get(f"{url}/v1/items", headers=asked, trust_env=False).json()
        assert {item["key"] for item in items["items"]} <= {
            "slugify-titles",
            "shorten-texts",
            "round-trip-romans",
        }
        assert "there is no browser to open here" in programs.log
        assert token not in programs.log
        demo.send_signal(signal.SIGINT)
        assert demo.wait(patience(60)) == 130, "it was ended before its stories were at rest"


def test_a_page_to_look_at_and_a_report_for_a_program_exclude_each_other(tmp_path: Path):
    with Programs(tmp_path) as programs:
        done = programs.run("demo", "--open", "--json", check=False)
    assert done.returncode == 2
    assert "choose --open" in done.stderr
