"""The doctor: what is needed is tried, and every finding is a sentence."""

from __future__ import annotations

import stat

import pytest

from damascus import doctor
from damascus.demo.model_server import ModelServer
from damascus.demo.script import DemoModel
from damascus.state.workers import Identity, Workers
from support.command_line import CommandLine
from support.cycles import accept, add_project, make_store
from support.gitea_standin import GiteaStandin
from support.redis_server import RedisServer, free_port
from support.scripted_tasks import as_url


@pytest.fixture
def cli(tmp_path, monkeypatch, capsys, database_url):
    cli = CommandLine(tmp_path, monkeypatch, capsys)
    cli.set(database_url=as_url(database_url), sandbox="plain", builder="command")
    return cli


def findings(said):
    return {check["name"]: (check["ok"], check["sentence"]) for check in said.json["checks"]}


def program(cli, name, script):
    directory = cli.place / "bin"
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(stat.S_IRWXU)
    return directory


def test_a_machine_that_has_everything_is_well(cli, monkeypatch):
    directory = program(cli, "agent", "exit 0")
    with ModelServer(DemoModel()) as model:
        cli.set(
            llm_model="openai/gpt-4o-mini",
            llm_api_base=model.openai_base,
            llm_api_key="canary-key",
            command_argv=f'["{directory}/agent"]',
            command_base_url=model.openai_base,
        )
        said = cli("doctor", "--json")
    found = findings(said)
    assert "answers; asking cost 0.0" in found["model"][1]
    well = {name for name, (ok, _) in found.items() if ok}
    assert {"settings", "database", "gates", "redis", "git", "model", "forge"} <= well
    assert found["builder command"][0] is True
    assert found["sandbox"][0] is None
    assert "plain" in found["sandbox"][1]
    assert "PostgreSQL 1" in found["database"][1]
    assert said.code == (0 if found["home"][0] is not False else 1)
    assert said.json["ok"] is (said.code == 0)
    assert "canary" not in said.out
    del monkeypatch


def test_a_container_without_a_model_is_told_what_it_needs_itself(cli, monkeypatch):
    monkeypatch.setattr(doctor, "_role", lambda: "api")
    found = findings(cli("doctor", "--json", code=0))
    assert not {"git", "sandbox", "environments", "model", "builder command"} & set(found)
    assert "the API runs here" in found["container"][1]
    assert found["database"][0] is True


def test_processes_of_another_version_are_told(cli, db):
    old = Identity("worker", "old", "there", 7, "0.0.1", "a" * 40, 5)
    assert findings(cli("doctor", "--json"))["processes"][0] is True
    Workers(db).beat(old, {})
    ok, said = findings(cli("doctor", "--json"))["processes"]
    assert ok is None
    assert f"the worker old is 0.0.1 ({'a' * 12}) with schema version 5" in said


def test_nothing_configured_is_told_check_by_check(cli):
    cli.set(database_url=None, builder="claude", claude_executable="no-such-claude")
    said = cli("doctor", "--json", code=1)
    found = findings(said)
    assert found["database"][0] is False
    assert "DAMASCUS_DATABASE_URL" in found["database"][1]
    assert "gates" not in found
    assert "DAMASCUS_LLM_MODEL" in found["model"][1]
    assert "no-such-claude" in found["builder claude"][1]
    people = cli("doctor", code=1).out
    assert "FAILED" in people


def test_what_cannot_be_reached_is_told_without_passwords(cli):
    port = free_port()
    cli.set(
        database_url=f"postgresql://u:canary-pw@127.0.0.1:{port}/x",
        redis_url=f"redis://:canary-pw@127.0.0.1:{port}/0",
        gitea_url=f"http://127.0.0.1:{port}",
        gitea_token="canary-token",
    )
    said = cli("doctor", "--json", code=1)
    found = findings(said)
    for name in ("database", "redis", "forge gitea"):
        assert found[name][0] is False, found[name]
    assert "canary" not in said.out + said.err


def test_redis_and_the_forge_are_asked_and_answer(cli, tmp_path):
    with RedisServer(tmp_path) as redis, GiteaStandin(tmp_path / "forge") as gitea:
        cli.set(redis_url=redis.url, gitea_url=gitea.url, gitea_token=gitea.token)
        found = findings(cli("doctor", "--json"))
        assert found["redis"][0] is True
        assert found["forge gitea"][0] is True
        cli.set(gitea_token="another-token-entirely")
        assert findings(cli("doctor", "--json", code=1))["forge gitea"][0] is False


def test_a_model_at_an_address_where_nobody_answers_is_not_well(cli):
    cli.set(
        llm_model="openai/gpt-4o-mini",
        llm_api_base=f"http://127.0.0.1:{free_port()}",
        llm_api_key="canary-key",
    )
    said = cli("doctor", "--json", code=1)
    assert findings(said)["model"][0] is False
    assert "canary" not in said.out


def test_a_projects_repository_is_asked_for_the_right_to_write(cli, db, tmp_path):
    with GiteaStandin(tmp_path / "forge") as gitea:
        gitea.add_repo("acme", "shop", {"a.txt": "a"})
        cli.set(gitea_url=gitea.url, gitea_token=gitea.token)
        make_store(db).projects.add(
            name="shop",
            forge="gitea",
            repo=f"{gitea.url}/acme/shop",
            base_branch="main",
            policy={},
            actor="test",
        )
        assert findings(cli("doctor", "--json"))["project shop"][0] is True
        cli.set(gitea_token="another-token-entirely")
        assert findings(cli("doctor", "--json", code=1))["project shop"][0] is False


def test_a_sandbox_that_runs_no_command_is_found(cli):
    directory = program(cli, "sh", "exit 3")
    cli.set(agent_path=f"{directory}")
    ok, sentence = findings(cli("doctor", "--json", code=1))["sandbox"]
    assert ok is False
    assert "runs no command" in sentence


def test_a_drifted_count_of_gates_is_put_right(cli, db):
    store = make_store(db)
    add_project(store)
    item = accept(store)
    store.gates.add(item, actor="test")
    with db.connection() as connection:
        connection.execute("UPDATE work_items SET closed_gates = 0")
    ok, sentence = findings(cli("doctor", "--json"))["gates"]
    assert ok is None
    assert "item 1" in sentence
    assert findings(cli("doctor", "--json"))["gates"][0] is True
    assert cli("show", "1", "--json").json["item"]["closed_gates"] == 1


def test_the_agents_that_projects_name_are_looked_at_too(cli, db):
    add_project(make_store(db), builder="claude")
    directory = program(cli, "claude", "echo '9.9.9 (Claude Code)'")
    cli.set(claude_executable=f"{directory}/claude")
    ok, sentence = findings(cli("doctor", "--json"))["builder claude"]
    assert ok is False
    assert "9.9.9" in sentence
    assert "DAMASCUS_CLAUDE_AUTH_TOKEN" in sentence
    cli.set(claude_base_url="http://x", claude_auth_token="canary", claude_model="m")
    said = cli("doctor", "--json")
    assert findings(said)["builder claude"][0] is True
    assert "canary" not in said.out


def test_a_git_that_is_too_old_or_missing_is_found(cli):
    directory = program(cli, "git", "echo git version 2.20.1")
    cli.set(agent_path=str(directory))
    assert "2.20.1 is too old" in findings(cli("doctor", "--json", code=1))["git"][1]
    program(cli, "git", "exit 3")
    assert "install git" in findings(cli("doctor", "--json", code=1))["git"][1]


def test_a_home_where_nothing_can_be_written_is_found(cli):
    cli.set(home="/proc/nothing/here")
    ok, sentence = findings(cli("doctor", "--json", code=1))["home"]
    assert ok is False
    assert "DAMASCUS_HOME" in sentence or "GiB" in sentence


def test_git_lfs_is_named_where_it_is_missing_and_costs_no_success(monkeypatch):
    monkeypatch.setattr(doctor, "version_of", lambda _name, _path: None)
    found = doctor._git_lfs(None)
    assert found.ok is None
    assert "apt install git-lfs" in found.sentence
