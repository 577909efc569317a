"""An agent without a network that still reaches its model: what gets through, and what does not."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

from damascus.builders import BUILDERS, environment
from damascus.builders.claude import ClaudeCode
from damascus.builders.command import CommandAgent
from damascus.builders.mini import MiniSweAgent
from damascus.builders.reach import ANYWHERE
from damascus.config import Settings
from damascus.demo.model_script import Act, Done, Run, Say, steps
from damascus.demo.model_server import ModelServer
from damascus.errors import SandboxError
from damascus.ports import Command
from damascus.registry import BuilderContext
from damascus.sandbox import detect
from damascus.sandbox.egress_proxy import EgressProxy
from support.agents import PATH, HoldingFence, request, tree, workspace
from support.patience import patience

CLAUDE = os.environ.get("DAMASCUS_TEST_CLAUDE") or shutil.which("claude") or ""
FENCE = HoldingFence()
GATEWAY = ("gateway.test", 8443)
FETCH = """
import sys, urllib.request
for url in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(urllib.request.Request(url, b"{}"), timeout=20).status)
    except Exception as error:
        print(getattr(error, "code", type(error).__name__))
"""


@pytest.fixture(scope="module")
def sandbox():
    try:
        return detect("bubblewrap", path=PATH)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture
def neighbour():
    """Another service of this machine, as a database is; it must never be spoken to."""
    visits = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    visits.append(server.accept()[0].close())
                except OSError:
                    return

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], visits
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture
def names(monkeypatch):
    """Names that lead to addresses, for the worker only: the agent cannot look anything up."""
    known = {}
    connect = socket.create_connection

    def connect_to(place, *more):
        return connect(known.get(place, place), *more)

    monkeypatch.setattr("damascus.sandbox.egress_proxy.socket.create_connection", connect_to)
    return known


@pytest.fixture
def addresses(monkeypatch):
    """What names resolve to; where a public address leads, `names` says."""
    known = {}
    real = socket.getaddrinfo

    def resolve(host, port, *more, **words):
        if host.replace(".", "").isdecimal():
            return real(host, port, *more, **words)
        if host not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known[host]]

    monkeypatch.setattr("damascus.sandbox.egress_proxy.socket.getaddrinfo", resolve)
    return known


def run(sandbox, place, script, *words, egress, **more):
    return sandbox.run(
        Command(
            argv=("python", "-c", script, *words),
            cwd=place.checkout,
            env={"PATH": PATH, "HOME": str(place.home)},
            writable=(place.checkout, place.home),
            timeout=patience(60),
            grace=1,
            egress=egress,
            **more,
        ),
        FENCE,
    )


def agents(base):
    yield MiniSweAgent("openai/demo", f"{base}/v1", "sk-key", path=PATH, max_retries=0)
    if Path(CLAUDE).is_file():
        yield ClaudeCode(
            CLAUDE, base_url=base, auth_token="sk-key", model="demo", path=PATH, max_retries=0
        )


@pytest.mark.parametrize("gateway", ["on this machine", "elsewhere"])
def test_agents_reach_their_gateway_and_nothing_else(sandbox, tmp_path, neighbour, names, gateway):
    port, visits = neighbour
    urls = f"http://127.0.0.1:{port}/ http://elsewhere.test/"
    probe = Run(f"python3 - {urls} <<'END'\n{FETCH}\nEND")
    with ModelServer(steps(probe, Act({"hello.txt": "hello\n"}), Done())) as server:
        base = server.anthropic_base
        if gateway == "elsewhere":
            names[GATEWAY] = ("127.0.0.1", int(base.rpartition(":")[2]))
            base = "http://{}:{}".format(*GATEWAY)
        for count, agent in enumerate(agents(base)):
            place = workspace(tmp_path / str(count))
            outcome = agent.build(request(place), sandbox, FENCE)
            assert outcome.ok, outcome
            assert tree(place)["hello.txt"] == "hello\n"
            assert "URLError" in server.asks[-1].text
    assert visits == []
    assert count or not CLAUDE


def test_the_proxy_opens_the_way_to_the_gateway_only(sandbox, tmp_path, neighbour, names):
    port, visits = neighbour
    names["elsewhere.test", port] = ("127.0.0.1", port)
    with ModelServer(lambda _: Say("hi")) as server:
        names[GATEWAY] = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        urls = ("http://gateway.test:8443/nothing", f"http://elsewhere.test:{port}/")
        tunnelled = (f"https://elsewhere.test:{port}/", "https://gateway.test:8444/")
        words = (*urls, *tunnelled, f"http://127.0.0.1:{port}/", "http://gateway.test:8443@x/")
        ended = run(sandbox, workspace(tmp_path / "a"), FETCH, *words, egress=(GATEWAY,))
    assert ended.output.split() == ["404", "403", "URLError", "URLError", "URLError", "403"]
    assert visits == []


def test_a_domain_with_a_dot_before_it_stands_for_all_below_and_what_is_refused_is_told(
    sandbox, tmp_path, names
):
    with ModelServer(lambda _: Say("hi")) as server:
        port = int(server.url.rpartition(":")[2])
        for host in ("a.below.test", "b.a.below.test", "below.test", "notbelow.test"):
            names[host, port] = ("127.0.0.1", port)
        urls = [f"http://{host}:{port}/nothing" for host, _ in names]
        place = workspace(tmp_path / "a")
        ended = run(sandbox, place, FETCH, *urls, egress=((".below.test", port),))
    assert ended.output.split() == ["404", "404", "403", "403"]
    assert ended.refused == (f"below.test:{port}", f"notbelow.test:{port}")


def test_hosts_are_reached_by_name_at_public_addresses_alone(
    sandbox, tmp_path, neighbour, names, addresses
):
    inside, visits = neighbour
    with ModelServer(lambda _: Say("hi")) as server:
        port = int(server.url.rpartition(":")[2])
        names["93.184.216.34", port] = ("127.0.0.1", port)
        addresses.update({
            "api.provider.test": ["93.184.216.34"],
            "turned.provider.test": ["127.0.0.1"],
            "mixed.provider.test": ["10.0.0.1", "93.184.216.34"],
            "metadata.provider.test": ["169.254.169.254"],
            "elsewhere.test": ["93.184.216.34"],
        })  # fmt: skip
        hosts = ((".provider.test", port), ("127.0.0.1", inside), ("localhost", inside))
        ask = ("api.provider", "turned.provider", "mixed.provider", "metadata.provider")
        urls = [
            f"http://{name}.test:{port}/nothing" for name in (*ask, "elsewhere", "new.provider")
        ]
        urls += [f"http://localhost:{inside}/", f"http://127.0.0.1:{inside}/"]
        ended = run(sandbox, workspace(tmp_path / "a"), FETCH, *urls, egress=(), hosts=hosts)
    assert ended.output.split() == [
        "404",
        "403",
        "404",
        "403",
        "403",
        "502",
        "URLError",
        "URLError",
    ]
    assert f"turned.provider.test:{port}" in ended.refused
    assert visits == []


def test_every_public_host_is_still_no_host_of_this_machine(
    sandbox, tmp_path, neighbour, names, addresses
):
    inside, visits = neighbour
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as abstract:
        abstract.bind(f"\0damascus-test-{os.getpid()}")
        abstract.listen()
        with ModelServer(lambda _: Say("hi")) as server:
            port = int(server.url.rpartition(":")[2])
            names["93.184.216.34", port] = ("127.0.0.1", port)
            addresses.update({"any.test": ["93.184.216.34"], "sly.test": ["127.0.0.1"]})
            urls = [f"http://any.test:{port}/nothing", f"http://sly.test:{inside}/"]
            script = (
                f"{FETCH}\nimport socket\ntry:\n    socket.socket(socket.AF_UNIX)"
                f".connect('\\0damascus-test-{os.getpid()}')\n"
                "except OSError as error:\n    print(type(error).__name__)\n"
            )
            place = workspace(tmp_path / "a")
            ended = run(sandbox, place, script, *urls, egress=(), hosts=(ANYWHERE,))
    assert ended.output.split() == ["404", "403", "ConnectionRefusedError"]
    assert visits == []


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_of_this_machine_is_no_host_though_the_whole_internet_reaches_it(
    monkeypatch, address
):
    monkeypatch.setattr("damascus.sandbox.addresses.is_public", lambda _: True)
    with EgressProxy((), (ANYWHERE,)) as proxy:
        assert proxy._outer((address, 443)) is None
        assert proxy._outer(("192.0.2.77", 443)) == ("192.0.2.77", 443)


def test_an_agent_without_a_gateway_reaches_its_providers_hosts_alone(
    sandbox, tmp_path, neighbour, names, addresses
):
    inside, visits = neighbour
    addresses.update({"api.groq.com": ["93.184.216.34"], "elsewhere.test": ["93.184.216.34"]})
    with ModelServer(lambda _: Say("hi")) as server:
        names["93.184.216.34", 443] = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        entry = BUILDERS.get("command")
        urls = ["http://api.groq.com:443/nothing", "http://elsewhere.test:443/", "http://sly.test/"]
        argv = (sys.executable, "-c", FETCH, *urls, f"http://127.0.0.1:{inside}/")
        settings = entry.settings(argv=("env", "DAMASCUS=1", *argv, "--model=groq/llama"))
        agent = entry.make(settings, BuilderContext(Settings(), path=PATH))
        outcome = agent.build(request(workspace(tmp_path / "a")), sandbox, FENCE)
    assert outcome.text.split()[:4] == ["404", "403", "403", "URLError"]
    assert visits == []


def test_a_service_the_command_starts_itself_is_reached_past_the_proxy(sandbox, tmp_path):
    script = """
import http.server, threading, urllib.request
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/old.txt").read())
"""
    ended = run(sandbox, workspace(tmp_path / "a"), script, egress=(GATEWAY,))
    assert "b'old\\n'" in ended.output


def test_a_gateway_that_is_away_is_an_answer_and_nothing_is_left_behind(sandbox, tmp_path):
    before = {thread.name for thread in threading.enumerate()}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    place = ("localhost", closed)
    url = f"http://127.0.0.1:{closed}/"
    ended = run(sandbox, workspace(tmp_path / "a"), FETCH, url, egress=(place,))
    assert ended.output.strip() in {"ConnectionResetError", "RemoteDisconnected", "URLError"}
    assert {t.name for t in threading.enumerate() if t.is_alive()} <= before | {"egress"}
    fds = len(list(Path("/proc/self/fd").iterdir()))
    for count in range(3):
        run(sandbox, workspace(tmp_path / str(count)), "print(1)", egress=(place, GATEWAY))
    assert len(list(Path("/proc/self/fd").iterdir())) == fds


def test_a_program_that_is_not_there_is_a_sentence_and_its_exit_code_is_its_own(sandbox, tmp_path):
    place = workspace(tmp_path / "a")
    command = Command(
        argv=("no-such-program",),
        cwd=place.checkout,
        env={"PATH": PATH},
        writable=(place.checkout,),
        egress=(GATEWAY,),
    )
    with pytest.raises(SandboxError, match="'no-such-program' could not be started"):
        sandbox.run(command)
    ended = run(sandbox, place, "import sys; print('out'); sys.exit(7)", egress=(GATEWAY,))
    assert (ended.exit_code, ended.output) == (7, "out\n")


def test_a_large_answer_comes_through_whole_in_both_directions(sandbox, tmp_path):
    size = 20_000_000
    with socket.create_server(("127.0.0.1", 0)) as server:

        def echo():
            one, _ = server.accept()
            with one:
                while data := one.recv(65536):
                    one.sendall(data)

        thread = threading.Thread(target=echo)
        thread.start()
        script = f"""
import socket, threading
line = socket.create_connection(("127.0.0.1", {server.getsockname()[1]}))
def send():
    line.sendall(b"x" * {size})
    line.shutdown(socket.SHUT_WR)
threading.Thread(target=send).start()
total = 0
while data := line.recv(65536):
    total += len(data)
print(total)
"""
        egress = (("127.0.0.1", server.getsockname()[1]),)
        ended = run(sandbox, workspace(tmp_path / "a"), script, egress=egress)
        thread.join()
    assert ended.output == f"{size}\n"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://localhost:4000", ("localhost", 4000)),
        ("https://api.example.org/v1", ("api.example.org", 443)),
        ("http://[::1]/v1", ("::1", 80)),
    ],
)
def test_the_place_of_a_base_url(url, place):
    assert environment.egress(url) == (place,)


def test_the_proxy_keeps_clear_of_a_gateway_on_its_own_port():
    proxy = EgressProxy((("localhost", 3128), ("gateway.test", 443)))
    assert proxy.env["HTTPS_PROXY"] == "http://127.0.0.1:3129"
    assert "127.0.0.1" in proxy.env["NO_PROXY"]


def test_any_command_is_confined_to_the_gateway_it_names(sandbox, tmp_path, neighbour):
    port, visits = neighbour
    argv = [sys.executable, "-c", FETCH, f"http://127.0.0.1:{port}/"]
    agent = CommandAgent(argv, path=PATH, base_url="http://gateway.test")
    assert "URLError" in agent.build(request(workspace(tmp_path / "a")), sandbox, FENCE).text
    assert visits == []
