"""Gitea and Forgejo in the registry of forges."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from damascus.config_sources import HttpAddress, Section
from damascus.errors import ConfigurationError, ForgeAuthError, UsageError
from damascus.ports import Forge
from damascus.registry import ForgeEntry, Found

from .gitea_url import parse_repo

_FORBIDDEN = 403
_ELSEWHERE = ("github.com", "gitlab.com")


class GiteaSettings(Section):
    """DAMASCUS_GITEA_URL and DAMASCUS_GITEA_TOKEN."""

    url: HttpAddress | None = Field(
        default=None, description="Gitea or Forgejo; the token goes to this host and no other."
    )
    token: SecretStr | None = Field(
        default=None, description="Access token of that Gitea or Forgejo."
    )


def _recognises(repo: str) -> bool:
    return repo.startswith(("http://", "https://"))


def _locate(repo: str) -> str:
    if not _recognises(repo):
        raise UsageError("the repository is a path: the forge gitea needs https://HOST/OWNER/NAME")
    try:
        parts = urlsplit(repo)
        usable = bool(parts.hostname)
    except ValueError:
        usable, parts = False, None
    if not usable or parts is None:
        raise UsageError(
            "the repository is not a URL that can be used: give https://HOST/OWNER/NAME"
        )
    if "@" in parts.netloc:
        raise UsageError(
            "the repository's URL holds a user name or a password: give the URL without them, and "
            "the token as DAMASCUS_GITEA_TOKEN"
        )
    return repo.rstrip("/").removesuffix(".git")


def _open(repo: str, settings: GiteaSettings) -> Forge:
    from .gitea import GiteaForge  # noqa: PLC0415 - httpx is for those who need it

    if not settings.url:
        if any(host in repo for host in _ELSEWHERE):
            raise UsageError(
                f"{repo} is on a forge that Damascus does not speak to: clone it, and give the "
                "directory of the clone"
            )
        raise ConfigurationError(
            "set DAMASCUS_GITEA_URL to the Gitea or Forgejo of this project, and "
            "DAMASCUS_GITEA_TOKEN or DAMASCUS_GITEA_TOKEN_FILE to a token for it"
        )
    if settings.token is None:
        raise ConfigurationError(
            f"no token for {settings.url}: set DAMASCUS_GITEA_TOKEN or "
            "DAMASCUS_GITEA_TOKEN_FILE (scopes write:repository and write:issue)"
        )
    owner, name = parse_repo(repo, settings.url)
    return GiteaForge(settings.url, owner, name, settings.token.get_secret_value())


def _check(settings: GiteaSettings) -> Found | None:
    """Whether it answers and accepts the token; its rights show at each project's repository."""
    if not settings.url:
        return None
    if settings.token is None:
        return Found(False, f"no token for {settings.url}: set DAMASCUS_GITEA_TOKEN")
    from .gitea_http import GiteaHTTP, as_object  # noqa: PLC0415 - as above

    http = GiteaHTTP(settings.url, settings.token.get_secret_value(), timeout=10.0, attempts=1)
    try:
        version = as_object(http.ask("GET", "/version").data).get("version", "?")
        try:
            user: Any = as_object(http.ask("GET", "/user").data).get("login", "?")
        except ForgeAuthError as error:
            if error.status != _FORBIDDEN:
                raise
            return Found(
                True,
                f"version {version} at {settings.url} accepts the token, which may not read its "
                "own user (it need not)",
            )
    finally:
        http.close()
    return Found(True, f"version {version} at {settings.url}, as user {user}")


ENTRY = ForgeEntry(
    name="gitea",
    label="Gitea or Forgejo",
    example="https://HOST/OWNER/NAME",
    settings=GiteaSettings,
    recognises=_recognises,
    locate=_locate,
    open=_open,
    check=_check,
)
