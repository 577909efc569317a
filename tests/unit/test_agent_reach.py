"""What agents reach: their gateway, else their provider's hosts, and nothing else unasked."""

import pytest

from damascus.builders import BUILDERS
from damascus.builders.providers import hosts_of_model
from damascus.builders.reach import ANYWHERE, reach
from damascus.config import Settings
from damascus.errors import ConfigurationError
from damascus.registry import BuilderContext
from damascus.sandbox.addresses import is_public
from support.agents import PATH, HoldingFence, request, workspace
from support.fake_ports import FakeSandbox

WITHOUT_GATEWAY = {
    "claude": ({"executable": "env", "auth_token": "k-1", "model": "sonnet"}, "api.anthropic.com"),
    "mini": ({"model": "openai/gpt-5"}, "api.openai.com"),
    "command": ({"argv": ("sh", "--model", "deepseek/chat")}, "api.deepseek.com"),
}
GATEWAY = {
    "claude": {"base_url": "http://gateway.example:4000"},
    "mini": {"api_base": "http://gateway.example:4000"},
    "command": {"base_url": "http://gateway.example:4000"},
}
HOSTS = {
    "anthropic/claude-sonnet-4-5": ("api.anthropic.com",),
    "claude-sonnet-4-5": ("api.anthropic.com",),
    "gpt-5": ("api.openai.com",),
    "o3": ("api.openai.com",),
    "text-completion-openai/x": ("api.openai.com",),
    "mistral/mistral-large": ("api.mistral.ai",),
    "gemini/gemini-2.5-pro": ("generativelanguage.googleapis.com",),
}
BEDROCK = "bedrock/anthropic.claude-sonnet-4-5-v1:0"


def context(hosts=(), **settings):
    return BuilderContext(Settings(**settings), path=PATH, hosts=hosts)


def command_of(name, tmp_path, given, where):
    entry = BUILDERS.get(name)
    sandbox = FakeSandbox()
    agent = entry.make(entry.settings(**given), where)
    agent.build(request(workspace(tmp_path / name)), sandbox, HoldingFence())
    (command,) = sandbox.commands
    return command


def test_every_agent_of_ours_is_asked_here():
    assert set(WITHOUT_GATEWAY) == set(GATEWAY) == {entry.name for entry in BUILDERS.builtin()}


@pytest.mark.processes
@pytest.mark.parametrize("name", WITHOUT_GATEWAY)
def test_an_agent_without_a_gateway_reaches_the_hosts_of_its_provider(tmp_path, name):
    given, host = WITHOUT_GATEWAY[name]
    command = command_of(name, tmp_path, given, context())
    assert (command.network, command.egress, command.hosts) == (False, (), ((host, 443),))
    entry = BUILDERS.get(name)
    found = entry.check(entry.settings(**given), context())
    assert found.ok
    assert host in found.sentence


@pytest.mark.parametrize("name", WITHOUT_GATEWAY)
def test_an_agent_with_a_gateway_reaches_that_and_what_the_project_names(tmp_path, name):
    given = {**WITHOUT_GATEWAY[name][0], **GATEWAY[name]}
    where = context(("docs.example", ".mirror.example:8443"))
    command = command_of(name, tmp_path, given, where)
    assert not command.network
    assert command.egress == (("gateway.example", 4000),)
    assert command.hosts == (("docs.example", 443), (".mirror.example", 8443))


@pytest.mark.parametrize("name", WITHOUT_GATEWAY)
def test_every_public_host_is_reached_only_where_somebody_said_so(tmp_path, name):
    command = command_of(name, tmp_path, WITHOUT_GATEWAY[name][0], context(agent_network="all"))
    assert (command.network, command.hosts) == (False, (ANYWHERE,))


def test_the_settings_of_another_network_are_refused():
    with pytest.raises(ValueError, match="agent_network"):
        Settings(agent_network="some")


@pytest.mark.parametrize("model", HOSTS)
def test_the_hosts_of_a_model_are_known_by_its_provider(model):
    assert hosts_of_model(model, region=None, variables={}) == HOSTS[model]


def test_a_region_is_configured_or_named_by_the_model_or_by_the_providers_own_variable():
    variables = {"AWS_REGION": "eu-west-1"}
    told = {
        hosts_of_model(model, region=region, variables=variables)[0]
        for model, region in (
            (BEDROCK, "eu-north-1"),
            (BEDROCK.replace("/", "/us-gov-west-1/"), None),
            (BEDROCK, None),
        )
    }
    assert told == {
        f"bedrock-runtime.{region}.amazonaws.com"
        for region in ("eu-north-1", "us-gov-west-1", "eu-west-1")
    }
    with pytest.raises(ConfigurationError, match="DAMASCUS_AGENT_REGION"):
        hosts_of_model(BEDROCK, region=None, variables={})
    with pytest.raises(ConfigurationError, match="DAMASCUS_AGENT_REGION"):
        hosts_of_model(BEDROCK, region="x.evil.example/", variables={})


@pytest.mark.parametrize("model", ["ollama/llama3", "nobody/model", "llama", ""])
def test_unknown_hosts_are_a_sentence_that_says_what_to_do(model):
    with pytest.raises(ConfigurationError, match="--agent-host HOST"):
        hosts_of_model(model, region=None, variables={})


def test_the_hosts_that_a_project_names_stand_in_for_those_that_nobody_knows():
    def unknown():
        return hosts_of_model("nobody/model", region=None, variables={})

    assert reach(None, unknown, context(("a.example",))).hosts == (("a.example", 443),)
    with pytest.raises(ConfigurationError):
        reach(None, unknown, context())


@pytest.mark.parametrize(
    ("argv", "host"),
    [
        (("claude", "-p"), "api.anthropic.com"),
        (("codex", "exec"), "api.openai.com"),
        (("opencode", "run", "-m", "xai/grok"), "api.x.ai"),
        (("aider", "--model=groq/llama"), "api.groq.com"),
        (("gemini", "--model", "gemini-2.5-pro"), "aiplatform.googleapis.com"),
    ],
)
def test_the_argv_of_a_command_says_whose_hosts_it_needs(tmp_path, argv, host):
    program = tmp_path / argv[0]
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    given = {"argv": (str(program), *argv[1:])}
    command = command_of("command", tmp_path, given, context(agent_region="europe-west4"))
    assert host in {name for name, _ in command.hosts}


def test_a_command_of_an_unknown_provider_reaches_nothing_and_the_doctor_says_so():
    entry = BUILDERS.get("command")
    found = entry.check(entry.settings(argv=("sh", "-c", "true")), context())
    assert found.ok is None
    assert "reaches no host: set DAMASCUS_COMMAND_BASE_URL" in found.sentence


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("224.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("nothing", False),
    ],
)
def test_an_address_of_this_machine_or_its_networks_is_not_public(address, public):
    assert is_public(address) is public
