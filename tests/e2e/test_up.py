"""`damascus up`: stays, stops cleanly, and goes on where it was."""

from __future__ import annotations

import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx
import pytest

from damascus.demo.model_server import ModelServer
from damascus.demo.run import make_repository
from damascus.demo.script import DemoModel
from support.forked import Forked
from support.patience import patience
from support.processes import Programs

STORIES = files("damascus.demo") / "stories"
SMOKE = Path(__file__).parents[2] / "scripts" / "verify.sh"


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    with ModelServer(DemoModel()) as model:
        settings = {
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "mini",
            "DAMASCUS_SHUTDOWN_GRACE_SECONDS": "5",
        }
        with Programs(tmp_path, **settings) as programs:
            yield programs


UP = "Damascus is up"
TRUST = ("--test-command-policy", "trust-spec", "--mutation-seconds", "0")


def start(programs: Programs, *, fresh: bool = False) -> subprocess.Popen[bytes] | Forked:
    """Start it, and wait until its database answers."""
    before = programs.log.count(UP)
    up = programs.start("damascus", "up", fresh=fresh)
    programs.until(lambda: programs.log.count(UP) > before)
    programs.run("status", "--json")
    return up


def until_merged(programs: Programs, story: str) -> None:
    """Wait until it says so, which costs nothing, and look whether that is true."""
    programs.until(lambda: f"{story}  work.merged" in programs.log)
    assert programs.json("show", story)["item"]["phase"] == "merged"


def test_a_story_is_merged_while_it_is_up_and_the_next_one_after_a_restart(programs, tmp_path):
    repo = make_repository(tmp_path)
    up = start(programs, fresh=True)
    programs.run("project", "add", "textkit", "--repo", str(repo), *TRUST)
    programs.run("ingest", "--project", "textkit", str(STORIES / "slugify-titles.md"))
    until_merged(programs, "textkit/slugify-titles")
    again = programs.start("damascus", "up")
    assert again.wait(patience(30)) == 5, "only one may be up in one home"

    up.send_signal(signal.SIGINT)
    assert up.wait(patience(30)) == 0
    assert programs.run("status", check=False).returncode == 3, "its database is gone with it"

    start(programs)
    assert programs.json("show", "textkit/slugify-titles")["item"]["phase"] == "merged"
    programs.run("ingest", "--project", "textkit", str(STORIES / "shorten-texts.md"))
    programs.until(lambda: "textkit/shorten-texts  work.awaiting_human" in programs.log)
    (issue,) = programs.json("issues")["issues"]
    programs.run(
        "answer",
        str(issue["id"]),
        "At most 40 characters, all told. The mark is a single '…', and it counts.",
    )
    until_merged(programs, "textkit/shorten-texts")
    assert "sk-canary" not in programs.log
    assert "Traceback" not in programs.log


def test_ctrl_c_in_the_middle_of_a_phase_gives_the_claim_back(programs, tmp_path):
    repo = make_repository(tmp_path)
    programs.environment["DAMASCUS_SHUTDOWN_GRACE_SECONDS"] = "0.2"
    programs.environment["DAMASCUS_BUILDER"] = "command"
    programs.environment["DAMASCUS_COMMAND_ARGV"] = '["sleep", "600"]'
    up = start(programs)
    programs.run("project", "add", "textkit", "--repo", str(repo), *TRUST)
    programs.run("ingest", "--project", "textkit", str(STORIES / "slugify-titles.md"))
    programs.until(lambda: [c for c in programs.json("status")["workers"] if c["phase"] == "build"])
    up.send_signal(signal.SIGINT)
    assert up.wait(patience(30)) == 0

    programs.environment["DAMASCUS_BUILDER"] = "mini"
    start(programs)
    until_merged(programs, "textkit/slugify-titles")
    types = [event["type"] for event in programs.json("events", "--item", "1")["events"]]
    assert "work.released" in types
    assert "work.claim_lost" not in types


def test_what_is_not_set_up_is_said_at_the_start(programs):
    programs.environment["DAMASCUS_LLM_MODEL"] = ""
    programs.environment["DAMASCUS_BUILDER"] = "claude"
    programs.environment["DAMASCUS_CLAUDE_EXECUTABLE"] = "no-such-agent"
    up = programs.start("damascus", "up")
    programs.until(lambda: "no model writes specs" in programs.log)
    programs.until(lambda: "no-such-agent) is not there" in programs.log)
    assert up.poll() is None


def session(link: str) -> httpx.Response:
    url, token = link.split("/#/?token=")
    return httpx.post(f"{url}/v1/session", json={"token": token}, trust_env=False)


def test_its_page_is_served_and_the_link_that_signs_in_outlives_a_restart(programs, tmp_path):
    file = tmp_path / "damascus" / "page.link"
    up = programs.start("damascus", "up")
    programs.until(lambda: "The page: " in programs.log)
    first = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert session(first).json()["scopes"] == ["read", "ingest", "operate"]
    up.send_signal(signal.SIGINT)
    assert up.wait(patience(30)) == 0
    with pytest.raises(httpx.ConnectError):
        session(first)

    again = programs.start("damascus", "up")
    programs.until(lambda: programs.log.count("The page: ") == 2)
    second = file.read_text().strip()
    assert second.partition("token=")[2] == first.partition("token=")[2]
    assert session(second).status_code == 200

    programs.run("token", "revoke", "damascus-up")
    programs.until(lambda: session(second).status_code == 401)
    again.send_signal(signal.SIGINT)
    assert again.wait(patience(30)) == 0
    programs.start("damascus", "up")
    programs.until(lambda: programs.log.count("The page: ") == 3)
    third = file.read_text().strip()
    assert session(third).status_code == 200
    assert not any(link.partition("token=")[2] in programs.log for link in (first, third))


def test_a_port_that_was_asked_for_and_is_taken_is_said_and_the_work_goes_on(programs):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = programs.start("damascus", "up", DAMASCUS_API_PORT=str(port))
        programs.until(lambda: f"no HTTP API: 127.0.0.1:{port} is in use" in programs.log)
        programs.run("status")
        assert up.poll() is None


def smoke(programs: Programs) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SMOKE)],
        env=programs.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(120),
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_smoke_of_what_runs_passes_twice_and_fails_when_nothing_runs(programs):
    done = smoke(programs)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing runs here" in done.stderr

    programs.start("damascus", "up")
    programs.until(lambda: "The page: " in programs.log)
    for _ in range(2):
        done = smoke(programs)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "all of it works" in done.stdout
    items = programs.json("items")["items"]
    assert [item["phase"] for item in items] == ["cancelled", "cancelled"]
    names = [token["name"] for token in programs.json("token", "list")["tokens"]]
    assert names == ["damascus-up"], "its own tokens are revoked"
