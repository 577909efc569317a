"""The passwords in this process's `HTTPS_PROXY` and its like: secrets that are no settings."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit


def proxy_passwords(variables: Mapping[str, str]) -> tuple[str, ...]:
    """Each password as it stands there, as it is meant, and with its user as it is sent."""
    found: list[str] = []
    for name, value in variables.items():
        if not name.lower().endswith("_proxy"):
            continue
        try:
            split = urlsplit(value if "://" in value else f"http://{value}")
        except ValueError:
            continue
        if split.password:
            meant = unquote(split.password)
            found += [split.password, meant, f"{unquote(split.username or '')}:{meant}"]
    return tuple(dict.fromkeys(found))
