"""The installation's own proxy: what leaves the machine goes through it, where there is one.

It is named as everywhere, by the worker's `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`,
in capitals or not. Its credentials stay in the worker: a sandboxed command speaks to the egress
proxy alone, which adds them.
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from damascus.errors import ConfigurationError
from damascus.ports import Command

_HEAD_CAP: Final = 65536  # bytes of the head of an answer
_PORT: Final = 80
_JVM: Final = "JAVA_TOOL_OPTIONS"
_END: Final = b"\r\n\r\n"
_ON_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "::1")
_OPENED: Final = re.compile(rb"HTTP/1\.[01] 2\d\d\b")


class TunnelRefusedError(OSError):
    """The proxy opens no way; its text is what it answered, in printable ASCII."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One proxy. `credentials` are the value of `Proxy-Authorization`, "" for none."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)

    @property
    def headers(self) -> tuple[bytes, ...]:
        """The header lines that this proxy wants of each request."""
        said = self.credentials
        return (f"Proxy-Authorization: {said}".encode("latin-1"),) if said else ()

    def tunnel(self, place: tuple[str, int], seconds: float) -> tuple[socket.socket, bytes]:
        """Open a connection to `place` through this proxy; returns it, and what came already.

        Raises TunnelRefusedError, OSError where the proxy does not answer.
        """
        host, port = place
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1".encode(), f"Host: {target}".encode(), *self.headers]
        opened = socket.create_connection((self.host, self.port), seconds)
        try:
            opened.sendall(b"\r\n".join(lines) + _END)
            first = _after_head(opened)
        except BaseException:
            opened.close()
            raise
        return opened, first


@dataclass(frozen=True, slots=True)
class Upstream:
    """The proxies of this installation, and the places that are reached without one."""

    http: Hop | None = None
    https: Hop | None = None
    direct: tuple[str, ...] = ()

    def hop(self, place: tuple[str, int], *, tunnel: bool) -> Hop | None:
        """The proxy on the way to `place`, None for none; a tunnel is what TLS goes through."""
        found = self.https if tunnel else self.http
        return None if found is None or self._is_direct(*place) else found

    @property
    def variables(self) -> dict[str, str]:
        """What leads programs to these proxies, without credentials; empty where there is none."""
        hops = [(name, hop) for name, hop in (("http", self.http), ("https", self.https)) if hop]
        if not hops:
            return {}
        found = {f"{name}_proxy": f"http://{hop.host}:{hop.port}" for name, hop in hops}
        found["no_proxy"] = ",".join((*_ON_THIS_MACHINE, *self.direct))
        # A JVM knows none of these variables; what it says of this one on stderr is harmless.
        options = [
            f"-D{name}.proxyHost={hop.host} -D{name}.proxyPort={hop.port}" for name, hop in hops
        ]
        options.append(
            "-Daether.connector.http.useSystemProperties=true"
        )  # else Maven 3.9 does not
        capitals = {name.upper(): value for name, value in found.items()}
        return {**found, **capitals, _JVM: " ".join(options)}

    def known_to(self, command: Command) -> Command:
        """A command that shares the machine's network, and is led to these proxies."""
        return dataclasses.replace(command, env=with_options(self.variables, command.env))

    def _is_direct(self, host: str, port: int) -> bool:
        for entry in self.direct:
            name, colon, only = entry.rpartition(":")
            if colon and only.isdecimal() and ":" not in name:
                if int(only) != port:
                    continue
            else:
                name = entry
            if name == "*" or _is_within(host, name.removeprefix("*").removeprefix(".")):
                return True
        return False


def upstream(worker: Mapping[str, str]) -> Upstream:
    """The proxies that the worker's variables name. Raises ConfigurationError for unusable ones."""
    found = {name.lower(): value for name, value in sorted(worker.items()) if value}
    hops = [
        _hop(name, found.get(name) or found.get("all_proxy", ""))
        for name in ("http_proxy", "https_proxy")
    ]
    words = found.get("no_proxy", "").replace(",", " ").lower().split()
    return Upstream(*hops, direct=tuple(words))


def with_options(proxies: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """A command's `own` variables over those of proxies; of a JVM's options it gets both."""
    env = {**proxies, **own}
    if _JVM in proxies and _JVM in own:
        env[_JVM] = f"{proxies[_JVM]} {own[_JVM]}"
    return env


def _hop(name: str, value: str) -> Hop | None:
    if not value:
        return None
    try:
        split = urlsplit(_url(value))
        host, port = split.hostname, split.port or _PORT
    except ValueError:
        host, port, split = None, 0, urlsplit("")
    if host is None or split.scheme != "http":
        raise ConfigurationError(
            f"The worker's {name.upper()} (or ALL_PROXY) names no proxy that sandboxes can go"
            " through: give it as http://HOST:PORT, or leave it out."
        )
    return Hop(host, port, _basic(value))


def _url(value: str) -> str:
    return value if "://" in value else f"http://{value}"


def _basic(value: str) -> str:
    split = urlsplit(_url(value))
    if split.username is None:
        return ""
    said = f"{unquote(split.username)}:{unquote(split.password or '')}"
    return f"Basic {base64.b64encode(said.encode()).decode()}"


def _is_within(host: str, entry: str) -> bool:
    """Whether a host is the one, below the domain, or in the network that NO_PROXY names."""
    if host == entry or (entry and host.endswith(f".{entry}")):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _after_head(opened: socket.socket) -> bytes:
    """What came after the head of an answer that opens a tunnel. Raises TunnelRefusedError."""
    read = b""
    while _END not in read:
        chunk = opened.recv(_HEAD_CAP)
        if not chunk or len(read) > _HEAD_CAP:
            raise TunnelRefusedError("no answer")
        read += chunk
    head, _, first = read.partition(_END)
    if not _OPENED.match(head):
        said = head.partition(b"\r\n")[0].decode("ascii", "replace")
        raise TunnelRefusedError(
            "".join(one for one in said if one.isascii() and one.isprintable())
        )
    return first
