"""Sandboxed commands behind the installation's own proxy: they go through it, and never know it."""

from __future__ import annotations

import socket

import pytest

from damascus.domain.networks import HTTPS
from damascus.errors import ConfigurationError
from damascus.ports import Command
from damascus.sandbox import detect
from damascus.sandbox.egress_proxy import EgressProxy
from damascus.sandbox.upstream import upstream
from support.forward_proxy import ForwardProxy
from support.patience import patience
from support.sandbox_world import REASONS

PASSWORD = "open-sesame-5512"


@pytest.fixture
def ask(monkeypatch):
    """Say something to the egress proxy of a command that may reach `hosts`; returns the answer."""

    def ask(request, hosts, place, *, no_proxy="", user="me", places=()):
        worker = {"ALL_PROXY": f"http://{user}:{PASSWORD}@{place}", "NO_PROXY": no_proxy}
        proxy = EgressProxy(places, hosts, beyond=upstream(worker))
        ours, theirs = socket.socketpair()
        with ours:
            ours.settimeout(patience(10))
            ours.sendall(request)
            with theirs:
                proxy._as_proxy(theirs)
            return b"".join(iter(lambda: ours.recv(65536), b"")).decode()

    monkeypatch.setattr(socket, "getaddrinfo", resolving(socket.getaddrinfo))
    return ask


def resolving(real):
    """Names as a machine behind a proxy resolves them: its own network's, and no public ones."""

    def resolve(host, *more, **words):
        if host == "wiki.internal.test":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.1.2.3", 443))]
        if host.endswith(".test"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return real(host, *more, **words)

    return resolve


def test_a_tunnel_leads_through_the_proxy_which_looks_the_name_up(ask):
    request = b"CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test:443\r\n\r\nhello"
    with ForwardProxy("registry.test", user="me", password=PASSWORD) as beyond:
        said = ask(request, [("registry.test", HTTPS)], beyond.place)
    assert said == "HTTP/1.1 200 Connection established\r\n\r\nfirst hello"
    assert beyond.heads[0].startswith("CONNECT registry.test:443 HTTP/1.1\r\nHost: registry.test")


def test_a_plain_request_is_handed_on_with_the_workers_credentials_not_the_commands(ask):
    request = b"GET http://you@registry.test:80/x?y HTTP/1.1\r\nProxy-Authorization: mine\r\n\r\n"
    with ForwardProxy("registry.test", user="me", password=PASSWORD) as beyond:
        said = ask(request, [("registry.test", 80)], beyond.place)
    assert said.startswith("HTTP/1.1 204 Here")
    assert beyond.heads[0].startswith("GET http://registry.test:80/x?y HTTP/1.1\r\n")
    assert "mine" not in beyond.heads[0]
    assert "you@" not in beyond.heads[0]


@pytest.mark.parametrize(
    ("host", "user", "told"),
    [
        ("elsewhere.test", "me", "403 This host may not be reached from here"),
        ("wiki.internal.test", "me", "403 This host may not be reached from here"),
        ("127.0.0.1", "me", "403 This host may not be reached from here"),
        (
            "filtered.test",
            "me",
            "502 The proxy of this installation says: HTTP/1.1 403 Not for you",
        ),
        (
            "registry.test",
            "other",
            "502 The proxy of this installation says: HTTP/1.1 407 Password wanted",
        ),
    ],
)
def test_what_is_not_allowed_or_not_opened_is_told_and_never_goes_round_the_proxy(
    ask, host, user, told
):
    allowed = [(one, HTTPS) for one in ("registry.test", "filtered.test", "wiki.internal.test")]
    allowed.append(("127.0.0.1", HTTPS))
    with ForwardProxy("registry.test", user="me", password=PASSWORD) as beyond:
        said = ask(
            f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode(), allowed, beyond.place, user=user
        )
    assert said.startswith(f"HTTP/1.1 {told}\r\n")


def test_a_proxy_that_is_away_is_an_answer(ask):
    with ForwardProxy() as gone:
        place = gone.place
    said = ask(b"CONNECT a.test:443 HTTP/1.1\r\n\r\n", [("a.test", HTTPS)], place)
    assert said.startswith("HTTP/1.1 502 The host does not answer")


def test_what_no_proxy_names_is_reached_directly(ask):
    with ForwardProxy() as beyond, socket.create_server(("127.0.0.1", 0)) as gateway:
        port = gateway.getsockname()[1]
        name = "127.0.0.1.nip.test"
        request = f"CONNECT {name}:{port} HTTP/1.1\r\n\r\n".encode()
        said = ask(request, [], beyond.place, no_proxy=".nip.test", places=[(name, port)])
    assert said.startswith("HTTP/1.1 502 The host does not answer"), (
        "this machine knows no such name"
    )
    assert beyond.heads == []


def test_a_sandboxed_command_goes_through_the_proxy_and_holds_none_of_its_credentials(
    tmp_path, monkeypatch, sandbox
):
    script = "env; cat /proc/self/environ; curl -sS -o /dev/null -w '%{http_code}' http://far.test/"
    with ForwardProxy("far.test", user="me", password=PASSWORD) as beyond:
        place = beyond.place
        monkeypatch.setenv("HTTP_PROXY", f"http://me:{PASSWORD}@{place}")
        monkeypatch.setattr(socket, "getaddrinfo", resolving(socket.getaddrinfo))
        ended = sandbox.run(
            Command(
                argv=("sh", "-c", script),
                cwd=tmp_path,
                env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
                writable=(tmp_path,),
                timeout=patience(30),
                hosts=[("far.test", 80)],
            )
        )
    assert beyond.heads, ended.output
    assert ended.output.endswith("204"), ended.output
    assert PASSWORD not in ended.output
    assert place not in ended.output


@pytest.fixture
def sandbox():
    if REASONS["bubblewrap"]:
        pytest.skip(REASONS["bubblewrap"])
    return detect("bubblewrap", path="/usr/bin:/bin")


def test_no_sandbox_is_made_beside_a_proxy_that_nothing_can_go_through(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy.test")
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY"):
        detect("bubblewrap", path="/usr/bin:/bin")


@pytest.mark.parametrize("kind", ["plain", "bubblewrap"])
def test_a_command_with_the_whole_network_is_told_of_the_proxy_without_its_password(
    tmp_path, monkeypatch, kind
):
    if REASONS.get(kind):
        pytest.skip(REASONS[kind])
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:{PASSWORD}@proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", ".internal.test")
    command = Command(
        argv=("sh", "-c", "env"),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "JAVA_TOOL_OPTIONS": "-Xmx1g"},
        writable=(tmp_path,),
        timeout=patience(30),
        network=True,
    )
    said = detect(kind, path="/usr/bin:/bin").run(command).output.splitlines()
    assert "HTTPS_PROXY=http://proxy.test:3128" in said
    assert "no_proxy=localhost,127.0.0.1,::1,.internal.test" in said
    (java,) = [line for line in said if line.startswith("JAVA_TOOL_OPTIONS=")]
    assert "-Dhttps.proxyHost=proxy.test" in java
    assert java.endswith(" -Xmx1g")
    assert PASSWORD not in "".join(said)
