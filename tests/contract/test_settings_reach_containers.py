"""Every setting reaches each container whose process needs it, and no other setting does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from damascus import extensions
from damascus.config import Settings, load
from damascus.config_sources import PREFIX, Process, Sources
from damascus.errors import ConfigurationError
from damascus.settings_reference import ELSEWHERE, SERVICES, compose, example, page
from damascus.tasks import make_broker

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"


def environments() -> dict[str, set[str]]:
    """The variables of ours that each service is given."""
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    return {
        name: {one for one in service.get("environment", {}) if one.startswith(PREFIX)}
        for name, service in services.items()
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_what_its_processes_need_and_no_more(service):
    needed: set[str] = set()
    for one in extensions.declared():
        if set(one.processes) & set(SERVICES[service]) and one.name not in ELSEWHERE:
            variable = PREFIX + one.name.upper()
            needed |= {variable, f"{variable}_FILE"} if one.secret else {variable}
    assert environments()[service] == needed


def test_no_other_service_gets_a_setting():
    others = {name: given for name, given in environments().items() if name not in SERVICES}
    assert not any(others.values()), others


def test_every_setting_says_who_needs_it_and_reaches_a_container_or_says_why_not():
    reached = set().union(*environments().values())
    for one in extensions.declared():
        assert one.processes, one.name
        assert one.help, one.name
        alone = one.name in ELSEWHERE or set(one.processes) == {Process.MCP}
        assert (PREFIX + one.name.upper() in reached) != alone, one.name


def test_every_variable_of_the_containers_and_scripts_is_a_known_name():
    files = (COMPOSE, EXAMPLE, *(ROOT / "docker").iterdir(), *(ROOT / "scripts").iterdir())
    used = set[str]()
    for file in files:
        used |= set(re.findall(r"\bDAMASCUS_[A-Z]\w+", file.read_text("utf-8")))
    for name in sorted(used | extensions.NOT_SETTINGS):
        settings = Settings(_env_file=None)
        settings._sources = Sources(environment={name: "said"})
        extensions.check_names(settings)


def test_what_is_written_from_the_declarations_is_current():
    assert compose(COMPOSE.read_text("utf-8")) == COMPOSE.read_text("utf-8"), "run `make docs`"
    assert page() == (ROOT / "docs" / "settings.md").read_text("utf-8"), "run `make docs`"
    assert example(EXAMPLE.read_text("utf-8")) == EXAMPLE.read_text("utf-8"), "run `make docs`"


def test_the_example_of_env_names_each_variable_of_the_containers_once():
    named = re.findall(r"(?m)^(?:# )?(DAMASCUS_\w+)=", EXAMPLE.read_text("utf-8"))
    used = set(re.findall(r"\bDAMASCUS_\w+", COMPOSE.read_text("utf-8")))
    assert sorted(named) == sorted(one for one in used if not one.endswith("_FILE"))


def test_the_patience_with_redis_reaches_the_broker(monkeypatch):
    monkeypatch.setenv("DAMASCUS_REDIS_PATIENCE_SECONDS", "7")
    settings = load(_env_file=None, redis_url="redis://127.0.0.1:1/0")
    assert make_broker(settings).patience_seconds == 7


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "GITEA_TOKEN"])
def test_every_secret_may_come_from_a_file(tmp_path, monkeypatch, name):
    value = {"DATABASE_URL": "postgresql://u:pw@h/d", "REDIS_URL": "redis://:pw@h/0"}
    (tmp_path / "secret").write_text(value.get(name, "pw") + "\n")
    monkeypatch.setenv(f"DAMASCUS_{name}_FILE", str(tmp_path / "secret"))
    settings = load(_env_file=None)
    assert any("pw" in secret for secret in extensions.secrets(settings))
    assert settings.origin(name.lower()) == "file"


@pytest.mark.parametrize("name", ["API_HOSTS", "COMMAND_ARGV"])
@pytest.mark.parametrize("value", ["[x", '"one"'])
def test_a_bad_json_list_is_told_by_the_settings_public_name(monkeypatch, name, value):
    monkeypatch.setenv(f"DAMASCUS_{name}", value)
    with pytest.raises(ConfigurationError, match=f"DAMASCUS_{name} is wrong: it .*JSON list"):
        extensions.check(load(_env_file=None))
