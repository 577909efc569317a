"""What an agent of somebody else's costs is read where it says so, or is told as unmeasured."""

import json
import sys
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from damascus.builders.command import CommandAgent
from damascus.builders.command_entry import ENTRY, CommandSettings
from damascus.builders.command_usage import KeySpend, Usage, from_last_line
from damascus.config import load
from damascus.domain.work import Cost, Project
from damascus.errors import ConfigurationError
from damascus.registry import BuilderContext
from damascus.sandbox import Plain
from damascus.wiring import App
from support.agents import PATH, request
from support.builder_world import FENCE, place

__all__ = ["place"]
SAYS = {"model": "m", "usage": {"input_tokens": 9, "output_tokens": 2}, "total_cost_usd": 0.25}
TOLD = Cost("m", 9, 2, Decimal("0.25"), estimated=True)


def built(place, script, *words, usage=Usage.NONE, **more):
    argv = [sys.executable, "-c", script, *words]
    return CommandAgent(argv, path=PATH, usage=usage, **more).build(request(place), Plain(), FENCE)


def test_a_json_object_on_the_last_line_is_what_a_run_cost(place):
    script = f"print('working'); print({json.dumps(json.dumps(SAYS))})"
    assert built(place, script, usage=Usage.LAST_LINE).cost == TOLD
    assert built(place, script).cost is None


def test_a_file_that_the_template_names_is_read_whatever_became_of_the_run(place):
    script = (
        f"import sys; open(sys.argv[1], 'w').write({json.dumps(json.dumps(SAYS))}); sys.exit(3)"
    )
    outcome = built(place, script, "{usage_file}", usage=Usage.FILE)
    assert (outcome.ok, outcome.cost) == (False, TOLD)


@pytest.mark.parametrize(
    "text",
    [
        *("", "done", "[]", "{}", "17", '{"usd": -1}', '{"usd": "0.5"}', '{"usd": true}', "\x00{}"),
        *('{"usd": 1e300}', '{"input_tokens": -4}', '{"usage": [1]}', '{"usd": NaN}', "{" * 99_999),
    ],
)
def test_what_is_no_figure_is_unmeasured(text):
    assert from_last_line(text, "command") is None


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ({"usd": 2}, Cost("command", usd=Decimal(2), estimated=True)),
        ({"prompt_tokens": 1, "usd": 0}, Cost("command", 1, estimated=True)),
        (
            {"usage": {"input_tokens": 8, "cached_input_tokens": 6}},
            Cost("command", 8, estimated=True, cache_read_tokens=6),
        ),
    ],
)
def test_the_names_of_providers_are_known_and_zero_is_no_measurement(said, cost):
    assert from_last_line(f"x\n{json.dumps(said)}\n", "command") == cost


class _Proxy(BaseHTTPRequestHandler):
    """Answers what a key has spent: it learns of it late, as LiteLLM does."""

    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer sk-virtual-1"
        spend = self.server.spends.pop(0) if len(self.server.spends) > 1 else self.server.spends[0]
        body = json.dumps({"info": {"spend": spend}} if known else {"error": "no"}).encode()
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def proxy():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Proxy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_virtual_key_is_asked_before_and_after_until_its_spend_stands_still(
    proxy, monkeypatch, place
):
    proxy.spends = [1.5, 1.5, 1.5, 1.75, 2.0, 2.0]
    base = f"http://127.0.0.1:{proxy.server_port}/v1"
    monkeypatch.setenv("AGENT_KEY", "sk-virtual-1")
    settings = CommandSettings(
        argv=("true",), env=("AGENT_KEY",), base_url=base, usage="litellm-key"
    )
    agent = ENTRY.make(settings, BuilderContext(load(_env_file=None), path=PATH))
    agent._key_spend = KeySpend(agent._key_spend.ask, every=0)
    assert agent.build(request(place), Plain(), FENCE).cost == Cost("command", usd=Decimal("0.5"))
    monkeypatch.setenv("AGENT_KEY", "sk-other-one")
    agent = ENTRY.make(settings, BuilderContext(load(_env_file=None), path=PATH))
    assert agent.build(request(place), Plain(), FENCE).cost is None


@pytest.mark.parametrize("wrong", [{"base_url": None}, {"env": ()}, {"env": ("A_KEY", "B_KEY")}])
def test_a_key_that_cannot_be_asked_for_is_a_wrong_setting(monkeypatch, wrong):
    for name in ("A_KEY", "B_KEY"):
        monkeypatch.setenv(name, "sk-1234567")
    right = {"argv": ("true",), "env": ("A_KEY",), "base_url": "http://127.0.0.1:9"}
    settings = CommandSettings(**{**right, **wrong, "usage": "litellm-key"})
    with pytest.raises(ConfigurationError, match="DAMASCUS_COMMAND_BASE_URL"):
        ENTRY.make(settings, BuilderContext(load(_env_file=None), path=PATH))


def project(**policy):
    return Project(id=1, name="shop", forge="local", repo="/x", base_branch="main", **policy)


@pytest.mark.parametrize("budget", ["budget_usd", "budget_usd_day", "budget_usd_month"])
def test_a_budget_in_dollars_refuses_a_builder_that_nobody_measures(home, budget):
    blind = {"command_argv": ["true"], "home": home, "builder": "command"}
    seeing = {**blind, "command_argv": ["true", "{usage_file}"]}
    held = {budget: Decimal(5)}
    with App(load(_env_file=None, **blind)) as app:
        with pytest.raises(ConfigurationError, match="--allow-unmeasured"):
            app._builder("", project(**held))
        assert app._builder("", project())
        assert app._builder("", project(**held, allow_unmeasured=True))
    with (
        App(load(_env_file=None, **blind, **held)) as app,
        pytest.raises(ConfigurationError, match="DAMASCUS_COMMAND_USAGE"),
    ):
        app._builder("", project())
    with App(load(_env_file=None, **seeing)) as app:
        assert app._builder("", project(**held))
