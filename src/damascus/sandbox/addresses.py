"""Which addresses a sandboxed command is led to: public ones that are not this machine's own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from contextlib import suppress
from typing import Final, TypeAlias

Place: TypeAlias = tuple[str, int]
"""A host and a port."""

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ANY_PORT: Final = 443


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the internet's, whatever form it is written in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        else:
            found = found.ipv4_mapped or found.sixtofour or found
    return found.is_global and not found.is_multicast


def is_here(address: str) -> bool:
    """Tell whether an address is one of this machine's own, which public ones are as well."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as trial:
        trial.connect((address, _ANY_PORT))  # nothing is sent
        return bool(trial.getsockname()[0] == address)
    return False


def among(place: Place, given: Collection[Place]) -> bool:
    """Tell whether a place is among the given ones, or below one that begins with a dot."""
    host, port = place
    parts = host.split(".")
    above = (f".{'.'.join(parts[i:])}" for i in range(1, len(parts)))
    return place in given or any((domain, port) in given for domain in above)


def public_address(place: Place) -> Place | None:
    """The first public address of a place; None where it has none. Raises OSError.

    The address is what is connected to, so that a name cannot lead elsewhere in between.
    """
    host, port = place
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if is_public(str(address[0])) and not is_here(str(address[0])):
            return str(address[0]), port
    return None


def if_public(place: Place) -> Place | None:
    """The place, unless its name leads anywhere else than to public addresses from here."""
    host, port = place
    try:
        found = [str(address[0]) for *_, address in socket.getaddrinfo(host, port)]
    except OSError:
        return place  # machines behind a proxy often resolve no public name
    return place if all(is_public(one) and not is_here(one) for one in found) else None


def is_loopback(host: str) -> bool:
    """Tell whether a host is the machine's own, by its name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
