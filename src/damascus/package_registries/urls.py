"""Places out of URLs: a host, with its port where it is not that of https."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

_URL: Final = re.compile(r"\b(?:sparse\+|registry\+|git\+)?(https?://[^\s\"'<>|,;\\()]+)")
_DEFAULT: Final = {"https": None, "http": 80}
_INDEX: Final = "-index"  # a path that names a domain's index: Cargo's own registry


def hosts_of(texts: Iterable[str]) -> frozenset[str]:
    """The host of every http(s) URL in the texts, as `host` or `host:port`.

    `.example.com` stands for all below a domain.
    """
    return frozenset(host for text in texts for url in _URL.findall(text) for host in _hosts(url))


def _hosts(url: str) -> Iterator[str]:
    try:
        split = urlsplit(url)
        host = (split.hostname or "").lower().strip(".")
        port = split.port or _DEFAULT[split.scheme]
    except ValueError:
        return
    last = split.path.rstrip("/").rpartition("/")[2]
    if last.endswith(_INDEX) and "." in last:
        # Cargo writes its registry down by the repository that its index once was; packages come
        # from the domain that the repository is named after.
        domain = last.removesuffix(_INDEX).lower()
        yield domain
        yield f".{domain}"
    elif host and ":" not in host:  # an address of IPv6 is no place that a policy can name
        yield host if port in {None, 443} else f"{host}:{port}"
