"""Addresses on the forge: read strictly, because the token goes where they point."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from damascus.errors import ConfigurationError, UsageError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def clean_base_url(url: str) -> str:
    """The forge's own address without a trailing slash, e.g. `https://git.example/forge`.

    Raises ConfigurationError unless it is an http(s) URL without credentials, query or fragment.
    """
    parts = _split(url)
    if parts is None or parts.query or parts.fragment:
        raise ConfigurationError(
            "The address of the forge must be an http or https URL without credentials,"
            " such as https://git.example."
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def parse_repo(url: str, gitea_url: str) -> tuple[str, str]:
    """Owner and name of the repository at `url`, which must lie on the forge at `gitea_url`.

    Both the page of a repository and its clone URL are understood. Raises UsageError for anything
    but http(s), for credentials inside the URL, for another host, port or scheme than the forge's
    (the token must go nowhere else), and for paths that are not `<owner>/<name>`. The message
    never repeats the URL, since it may hold a password.
    """
    base = urlsplit(clean_base_url(gitea_url))
    parts = _split(url)
    if parts is None:
        raise UsageError(
            "The repository must be an http or https URL without a user name or password in it,"
            f" such as {base.geturl()}/owner/name."
        )
    if (parts.scheme, _host(parts)) != (base.scheme, _host(base)):
        raise UsageError(
            f"The repository must lie on the configured forge, {base.geturl()};"
            f" its URL names {parts.scheme}://{parts.netloc} instead."
        )
    path = parts.path.removesuffix("/").removesuffix(".git")
    owner, _, name = path.removeprefix(f"{base.path}/").partition("/")
    known = path.startswith(f"{base.path}/") and not (parts.query or parts.fragment)
    if not (known and _is_name(owner) and _is_name(name)):
        raise UsageError(
            f"The repository's URL must be {base.geturl()}/<owner>/<name> and nothing more;"
            " owner and name are letters, digits, dots, dashes and underscores."
        )
    return owner, name


def _split(url: str) -> SplitResult | None:
    # urlsplit drops tabs and newlines in silence; what was given must be what is used.
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:  # a port that is not a number, a broken IPv6 address
        return None
    return parts if usable and "@" not in parts.netloc else None


def _host(parts: SplitResult) -> tuple[str | None, int]:
    return parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme]


def _is_name(text: str) -> bool:
    # "x.wiki" is another repository under git's address: that of the pages of x.
    return bool(_NAME.fullmatch(text)) and ".." not in text and not text.endswith(".wiki")
