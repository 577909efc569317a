"""Without a sandbox nothing is run unless that is said, and then every status says it too."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from damascus.backlog import Backlog, Caller
from damascus.config import Settings
from damascus.demo import run as demo
from damascus.demo.screen import Screen
from damascus.domain.work import Claim, Phase, PhaseContext, Project, WorkItem
from damascus.engine.base_gate import BaseGate
from damascus.errors import ConfigurationError, NoSandboxError
from damascus.phases import pull_request_text
from damascus.ports import Command, Tools
from damascus.sandbox import detect, forget_trials
from damascus.wiring import App
from damascus.worker.process import Worker
from support.api_server import serving
from support.command_line import CommandLine
from support.cycles import accept, add_project, make_store
from support.patience import wait_until
from support.scripted_tasks import as_url


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url), sandbox="bubblewrap")
    return cli


@pytest.fixture(autouse=True)
def tried_anew() -> Iterator[None]:
    """What was found out about one test's bwrap says nothing about the next one's."""
    forget_trials()
    yield
    forget_trials()


@pytest.fixture(params=["missing", "broken"])
def no_bwrap(request, tmp_path, monkeypatch):
    """A PATH with git and sh, and no bwrap or one that may make no namespace."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("git", "sh", "true"):
        found = next(p for p in ("/usr/bin", "/bin") if Path(p, name).exists())
        (programs / name).symlink_to(f"{found}/{name}")
    if request.param == "broken":
        bwrap = programs / "bwrap"
        bwrap.write_text(
            "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
        )
        bwrap.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    return request.param


def expected(kind, said):
    assert "no sandbox, no work" in said
    assert "or say DAMASCUS_SANDBOX=plain" in said
    what = {"missing": "install bubblewrap", "broken": "bwrap: No permissions"}[kind]
    assert what in said
    assert "Install it where the sandbox" not in said


def test_cycle_stops_with_one_sentence_and_claims_nothing(cli, db, no_bwrap):
    store = make_store(db)
    add_project(store)
    accept(store)
    said = cli("cycle", code=3)
    expected(no_bwrap, said.err)
    assert said.err.count("\n") == 1
    item = store.items.get(1)
    assert (item["attempts"], item["claimed_by"]) == (0, None)


def test_up_stops_before_it_starts_anything(cli, no_bwrap):
    said = cli("up", code=3)
    expected(no_bwrap, said.err)
    assert said.out == ""
    assert not (cli.place / "home" / "postgres").exists()


def test_a_worker_stops_before_it_claims_anything(cli, no_bwrap):
    done = subprocess.run(
        [sys.executable, "-c", "import damascus.tasks as t; t.broker"],
        env={**os.environ, "DAMASCUS_REDIS_URL": "redis://127.0.0.1:1"},
        cwd=cli.place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    expected(no_bwrap, done.stderr)
    assert "Traceback" not in done.stderr


def test_a_worker_whose_sandbox_goes_away_before_its_first_claim_claims_nothing(
    cli, db, no_bwrap, caplog
):
    store = make_store(db)
    add_project(store)
    accept(store)
    worker = Worker(lambda: App(Settings(home=cli.place / "home")), ring=lambda: None)
    try:
        worker.tick()
    finally:
        worker.close()
    expected(no_bwrap, caplog.text)
    assert store.items.get(1)["attempts"] == 0


def test_a_worker_whose_sandbox_stops_working_claims_nothing_until_it_works_again(
    cli, db, tmp_path, monkeypatch, caplog
):
    real, broken = shutil.which("bwrap"), tmp_path / "broken"
    if real is None:
        pytest.skip("bwrap is not installed")
    fake = tmp_path / "programs" / "bwrap"
    fake.parent.mkdir()
    fake.write_text(
        f"#!/bin/sh\ntest -e {broken} && echo 'bwrap: No permissions' >&2 && exit 1\n"
        f'exec {real} "$@"\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=os.pathsep)
    store = make_store(db)
    add_project(store)
    for key in ("one", "two"):
        accept(store, key)

    begun = []

    def begin(_gate: BaseGate, context: PhaseContext, tools: Tools) -> None:
        begun.append(context.item.id)
        place = tools.workspace.root / "place"
        place.mkdir()
        broken.touch()
        env = {"PATH": "/usr/bin:/bin"}
        tools.sandbox.run(Command(("true",), cwd=place, env=env, writable=(place,), timeout=30))

    monkeypatch.setattr(BaseGate, "pass_or_wait", begin)
    worker = Worker(
        lambda: App(Settings(home=cli.place / "home", probe_seconds=1)), ring=lambda: None
    )
    try:
        worker.tick()
        assert begun == [1]
        expected("broken", caplog.text)
        worker.tick()
        assert begun == [1], "nothing is claimed until it works"
        broken.unlink()
        wait_until(lambda: worker.tick() or len(begun) > 1)
        items = [store.items.get(item) for item in (1, 2)]
        counted = [(item["attempts"], item["consecutive_errors"]) for item in items]
        assert counted == [(0, 0)] * 2, "it is no item's fault"
    finally:
        worker.close()


def test_doctor_says_the_same(cli, no_bwrap):
    said = cli("doctor", "--json", code=1)
    found = {one["name"]: one for one in said.json["checks"]}["sandbox"]
    assert found["ok"] is False
    expected(no_bwrap, found["sentence"])


@pytest.mark.parametrize("name", ["auto", "docker", "Plain"])
def test_a_sandbox_that_is_none_is_refused(cli, name):
    cli.set(sandbox=name)
    assert "DAMASCUS_SANDBOX is wrong: it is bubblewrap" in cli("status", code=3).err


@pytest.mark.usefixtures("no_bwrap")
def test_with_plain_said_everything_runs(cli):
    cli.set(sandbox="plain")
    assert cli("cycle", code=0).out.startswith("nothing to do")


def test_with_plain_every_status_says_so(cli, database_url, tmp_path):
    cli.set(sandbox="plain")
    first = cli("status", code=0).out.splitlines()[0]
    assert first.startswith("sandbox: PLAIN")
    assert cli("status", "--json", code=0).json["sandbox"] == "plain"
    found = {one["name"]: one for one in cli("doctor", "--json").json["checks"]}["sandbox"]
    assert found["ok"] is None
    assert "plain" in found["sentence"]
    with (
        serving(database_url, tmp_path / "api", sandbox="plain") as api,
        api.client() as client,
    ):
        assert client.get("/v1/stats").json()["sandbox"] == "plain"
        assert 'damascus_sandbox{kind="plain"} 1.0' in client.get("/metrics").text


def test_in_a_sandbox_no_status_speaks_of_it(cli):
    assert "PLAIN" not in cli("status", code=0).out
    assert cli("status", "--json", code=0).json["sandbox"] == "bubblewrap"


def test_a_worker_elsewhere_that_runs_plain_is_seen_by_who_was_told_otherwise(cli, db):
    store = make_store(db)
    add_project(store)
    accept(store)
    with App(Settings(home=cli.place / "one", sandbox="plain")) as app:
        cycle = app.cycle()
        claim = cycle._claims.claim()
        assert claim is not None
        cycle._claims.start(claim)
    with App(Settings(home=cli.place / "two", sandbox="bubblewrap")) as other:
        seen = Backlog(other).stats(Caller.operator("cli:x"), fresh=True)
    assert seen["sandbox"] == "plain"
    assert "sandbox: PLAIN" in cli("status", code=0).out


def test_a_pull_request_names_its_sandbox_and_says_when_that_is_none():
    project = Project(id=1, name="p", forge="local", repo="/r", base_branch="main")
    item = WorkItem(
        id=1,
        project_id=1,
        key="k",
        title="T",
        story="S",
        phase=Phase.BUILD,
        priority=0,
        attempts=1,
        budget_cycles=3,
    )
    claim = Claim(
        item_id=1,
        epoch=1,
        phase=Phase.BUILD,
        worker="w",
        attempts=1,
        budget_cycles=3,
        consecutive_errors=0,
    )
    context = PhaseContext(claim=claim, run_id=1, item=item, project=project)
    plain = pull_request_text.body(context, builder="mini", spent="0", sandbox="plain")
    assert "sandbox: `plain` (**no sandbox**" in plain
    caged = pull_request_text.body(context, builder="mini", spent="0", sandbox="bubblewrap")
    assert "sandbox: `bubblewrap`\n" in caged


def test_the_demo_falls_to_plain_by_itself_and_says_why(no_bwrap):
    sandbox, uncaged = demo._sandbox()
    assert sandbox == "plain"
    assert uncaged is not None
    assert {"missing": "not installed", "broken": "No permissions"}[no_bwrap] in uncaged
    assert "DAMASCUS_SANDBOX" not in uncaged
    screen, written = Screen(quiet=False), io.StringIO()
    screen._console = Console(file=written, width=1000)
    with App(Settings(sandbox="plain")) as app:
        screen.parts(app, "mini", uncaged)
    assert "sandbox: plain, for this demonstration alone" in written.getvalue()


def test_the_demo_runs_caged_where_it_can():
    try:
        detect("bubblewrap")
    except NoSandboxError as error:
        pytest.skip(str(error))
    assert demo._sandbox() == ("bubblewrap", None)


def test_no_sandbox_is_a_matter_of_configuration(no_bwrap):
    with pytest.raises(ConfigurationError) as raised:
        detect("bubblewrap", path="/usr/bin:/bin")
    expected(no_bwrap, str(raised.value))
    assert raised.value.exit_code == 3


def test_up_tells_the_other_commands(tmp_path, cli):
    cli.set(database_url=None)
    home = tmp_path / "home"
    home.mkdir()
    told = {"budget_cycles": 3, "budget_usd": None, "max_concurrency": 4, "stale_claim_minutes": 3}
    note = {"database_url": "postgresql://x", "settings": {**told, "sandbox": "plain"}, "shown": []}
    (home / "embedded.json").write_text(json.dumps(note))
    cli.set(sandbox=None)
    assert Settings(home=home).as_up_was_told().sandbox == "plain"
