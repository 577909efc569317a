"""A project's variables: who gets them, and where the secret ones are read."""

from __future__ import annotations

import pytest

from damascus.config import Settings
from damascus.domain.work import Phase, Project
from damascus.environments.certificates import NAMES, bundles, certificate_variables
from damascus.environments.secret_files import all_values, read_secrets
from damascus.errors import ConfigurationError
from damascus.phases import build, review
from damascus.text.redaction import MASK
from damascus.wiring import App
from support.fake_ports import FakeBuilder, World

SECRET = "hunter2-hunter2"


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    made.change_project(setup_commands=("make deps",))
    made.given = {
        "variables": {"TZ": "UTC", "TOKEN": SECRET},
        "agent_variables": {"TZ": "UTC"},
        "path": "/opt/go/bin:/usr/bin",
    }
    return made


def test_set_up_and_tests_get_the_variables_and_the_path_of_the_project(world):
    world.open_pr({"login.py": "ok\n"})
    review.run_review(world.context(Phase.REVIEW), world.tools())
    set_up, tests = world.sandbox.commands
    for command in (set_up, tests):
        assert command.env["TZ"] == "UTC"
        assert command.env["TOKEN"] == SECRET
        assert command.env["PATH"] == "/opt/go/bin:/usr/bin"


def test_an_agent_gets_what_the_project_gives_to_agents(world):
    builder = FakeBuilder(lambda place: (place / "login.py").write_text("ok\n"))
    world.builder = builder
    world.change_item(phase=Phase.BUILD)
    build.run_build(world.context(Phase.BUILD), world.tools())
    assert builder.requests[0].env == {"TZ": "UTC"}


def test_a_secret_is_the_text_of_its_file_without_the_newline_at_its_end(tmp_path):
    place = tmp_path / "shop"
    place.mkdir()
    (place / "TOKEN").write_text(f"{SECRET}\n")
    assert read_secrets(tmp_path, "shop", ["TOKEN"]) == {"TOKEN": SECRET}
    assert all_values(tmp_path) == [SECRET]
    assert read_secrets(tmp_path, "other", []) == {}


@pytest.mark.parametrize("text", [None, b"", b"a\0b", b"\xff\xfe", b"x" * 70_000])
def test_a_secret_without_a_good_file_is_a_sentence_that_names_the_file(tmp_path, text):
    path = tmp_path / "shop" / "TOKEN"
    path.parent.mkdir()
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ConfigurationError) as caught:
        read_secrets(tmp_path, "shop", ["TOKEN"])
    assert str(path) in str(caught.value)
    assert "TOKEN of project shop" in str(caught.value)


def test_the_tools_of_a_run_hold_its_secrets_and_its_redactor_knows_them(tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    project = Project(
        id=1,
        name="shop",
        forge="local",
        repo="/r",
        base_branch="main",
        variables=("TZ=UTC",),
        secret_variables=("TOKEN",),
    )
    with App(Settings(home=tmp_path, agent_path="/nonexistent", _env_file=None)) as app:
        with pytest.raises(ConfigurationError, match="put it into the file"):
            app.project_environment(project)
        (tmp_path / "secrets" / "shop").mkdir(parents=True)
        (tmp_path / "secrets" / "shop" / "TOKEN").write_text(SECRET)
        given = app.project_environment(project)
        assert given["variables"] == {"TZ": "UTC", "TOKEN": SECRET}
        assert given["agent_variables"] == {}
        assert app.redactor.redact(f"it is {SECRET}!") == f"it is {MASK}!"
        assert SECRET in app.redactor.needles
        assert app.redactor.known_in(SECRET.encode())
    with App(Settings(home=tmp_path, _env_file=None)) as another:
        assert SECRET in another.redactor.values


def test_the_bundle_of_the_worker_is_handed_on_under_every_name(tmp_path):
    bundle, own = tmp_path / "ca.pem", tmp_path / "own.pem"
    bundle.touch()
    own.touch()
    said = {
        "SSL_CERT_FILE": str(bundle),
        "PIP_CERT": str(own),
        "CURL_CA_BUNDLE": str(tmp_path / "not-there"),
        "JAVA_TOOL_OPTIONS": f"-Xmx1g -Djavax.net.ssl.trustStore={own}",
    }
    found = certificate_variables(said)
    options = found.pop("JAVA_TOOL_OPTIONS")
    assert options == f"-Djavax.net.ssl.trustStore={own}"
    assert found == {**dict.fromkeys(NAMES, str(bundle)), "PIP_CERT": str(own)}
    assert set(bundles({**found, "JAVA_TOOL_OPTIONS": options})) == {bundle, own}
    assert certificate_variables({"PATH": "/bin"}) == {}
