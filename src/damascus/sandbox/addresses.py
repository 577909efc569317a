"""Which addresses a sandboxed command is led to: public ones that are not this machine's own."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from typing import Final

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
