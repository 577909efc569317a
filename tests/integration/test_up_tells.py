"""What `damascus up` was told holds in every other terminal of the same user."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from damascus.cli import main
from damascus.config import EMBEDDED, load
from damascus.errors import ConfigurationError
from damascus.forge.gitea_entry import GiteaSettings
from damascus.up import embedded
from support.scripted_tasks import as_url


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAMASCUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def up(home, database_url):
    """`damascus up` with a limit on money, on a database that is there already."""
    told = load(database_url=as_url(database_url), budget_usd="2.50", max_concurrency=7)
    with embedded(told):
        yield home


@pytest.mark.usefixtures("up")
def test_the_limits_of_up_hold_where_nothing_is_set():
    seen = load().as_up_was_told()
    assert (seen.budget_usd, seen.max_concurrency) == (Decimal("2.50"), 7)
    assert seen.stale_claim_minutes == 3.0


@pytest.mark.usefixtures("up")
def test_what_a_terminal_sets_itself_wins_over_up(monkeypatch):
    monkeypatch.setenv("DAMASCUS_BUDGET_USD", "9")
    seen = load().as_up_was_told()
    assert (seen.budget_usd, seen.max_concurrency) == (Decimal(9), 7)


@pytest.mark.usefixtures("up")
def test_up_says_nothing_about_a_database_that_a_terminal_names_itself():
    seen = load(database_url="postgresql://elsewhere/x").as_up_was_told()
    assert seen.budget_usd is None


@pytest.mark.usefixtures("up")
def test_an_ingested_story_gets_the_limit_of_up(home, monkeypatch, capsys):
    place = home.parent
    monkeypatch.setattr("damascus.wiring.App.check_project", lambda *_a, **_k: None)
    (place / "repo").mkdir()
    (place / "story.md").write_text("# Do it\n\nPlease.\n")
    assert main(["project", "add", "mine", "--repo", str(place / "repo"), "--base", "main"]) == 0
    assert main(["ingest", str(place / "story.md")]) == 0
    capsys.readouterr()
    assert main(["show", "mine/story", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["item"]["budget_usd"] == "2.5000"


@pytest.mark.usefixtures("home")
def test_without_up_nothing_changes():
    settings = load()
    assert settings.as_up_was_told() is settings


def test_a_damaged_note_of_up_is_one_sentence(home):
    home.mkdir()
    for text in ("{", "[]", '{"database_url": "postgresql://x", "settings": {}}'):
        (home / EMBEDDED).write_text(text)
        with pytest.raises(ConfigurationError, match="stop `damascus up`"):
            load().as_up_was_told()


def test_a_secret_may_come_from_a_file_that_only_the_env_file_names(home, monkeypatch):
    (home.parent / "token").write_text("canary\n")
    home.mkdir()
    (home / ".env").write_text(f"DAMASCUS_GITEA_TOKEN_FILE={home.parent / 'token'}\n")
    token = load().section("gitea", GiteaSettings).token
    assert token is not None
    assert token.get_secret_value() == "canary"
    assert load(_env_file=None).section("gitea", GiteaSettings).token is None
    monkeypatch.setenv("DAMASCUS_GITEA_TOKEN_FILE", str(home.parent / "nowhere"))
    with pytest.raises(ConfigurationError, match="nowhere"):
        load().section("gitea", GiteaSettings)


@pytest.mark.usefixtures("up")
def test_config_shows_the_values_of_up_and_where_each_comes_from(monkeypatch, capsys):
    monkeypatch.setenv("DAMASCUS_BUILD_TURNS", "5")
    assert main(["config", "--json"]) == 0
    said = capsys.readouterr().out
    shown = {one["name"]: one for one in json.loads(said)["settings"]}
    assert (shown["budget_usd"]["value"], shown["budget_usd"]["origin"]) == ("2.50", "up")
    assert (shown["database_url"]["value"], shown["database_url"]["origin"]) == (
        "(set, hidden)",
        "up",
    )
    assert shown["build_turns"]["value"] == 80  # up was started without it
    assert shown["home"]["origin"] == "environment"
    assert shown["relay_source"]["origin"] == "default"
