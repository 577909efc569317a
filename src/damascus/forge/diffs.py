"""What a branch changes, as text for a person: a unified diff, bounded."""

from __future__ import annotations

from pathlib import Path

import httpx

from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError
from damascus.forge.gitea_url import parse_repo
from damascus.forge.local_git import branch_sha, full_sha, run, tail

CAP = 1024 * 1024  # bytes
_SECONDS = 20.0
_NOT_FOUND = 404
_REFUSED = (401, 403)


def local(repo: Path, *, head_sha: str, base_sha: str | None, base_branch: str) -> tuple[str, bool]:
    """The diff of a commit against where it left the base, and whether it was cut.

    Raises ForgeError when the commits are not there (any more), ForgeUnreachableError, UsageError.
    """
    base = full_sha(base_sha) if base_sha else branch_sha(repo, base_branch)
    if base is None:
        raise ForgeError(f"there is no branch {base_branch} any more", status=_NOT_FOUND)
    done = run(
        repo,
        "diff",
        "--no-color",
        "--no-ext-diff",
        "--no-textconv",
        f"{base}...{full_sha(head_sha)}",
        "--",
    )
    if done.returncode:
        raise ForgeError(f"git knows no diff: {tail(done.stderr)}", status=_NOT_FOUND)
    return done.stdout[:CAP], len(done.stdout) > CAP


def gitea(base_url: str, token: str, repo: str, number: int) -> tuple[str, bool]:
    """The diff of a pull request, and whether it was cut.

    Raises ForgeError, ForgeAuthError, ForgeUnreachableError.
    """
    owner, name = parse_repo(repo, base_url)
    found = bytearray()
    try:
        with (
            httpx.Client(
                base_url=f"{base_url}/api/v1",
                headers={"Authorization": f"token {token}"},
                timeout=_SECONDS,
                follow_redirects=False,  # a redirect could carry the token to another host
            ) as client,
            client.stream("GET", f"/repos/{owner}/{name}/pulls/{number}.diff") as response,
        ):
            if response.status_code in _REFUSED:
                raise ForgeAuthError("the forge refuses the token", status=response.status_code)
            if response.status_code == _NOT_FOUND:
                raise ForgeError("the forge knows no such pull request", status=_NOT_FOUND)
            if not response.is_success:
                raise ForgeUnreachableError(f"the forge answered {response.status_code}")
            for part in response.iter_bytes():
                found += part
                if len(found) > CAP:
                    break
    except httpx.HTTPError as error:
        # Without the cause: an httpx error carries the request, and so the token.
        raise ForgeUnreachableError(f"the forge: {type(error).__name__}") from None
    return found[:CAP].decode("utf-8", "replace"), len(found) > CAP
