"""What a branch changes, as text for a person: a unified diff, bounded."""

from __future__ import annotations

from pathlib import Path

import httpx

from damascus.domain.refs import full_sha
from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError
from damascus.forge.local_git import branch_sha, tail, within
from damascus.ports import Diff

_SECONDS = 20.0
_NOT_FOUND = 404
_REFUSED = (401, 403)


def of_commits(
    repo: Path, *, head_sha: str, base_sha: str | None, base_branch: str, cap: int
) -> Diff:
    """The diff of a commit against where it left the base, at most `cap` characters.

    Raises ForgeError when the commits are not there (any more), ForgeUnreachableError, UsageError.
    """
    base = full_sha(base_sha) if base_sha else branch_sha(repo, base_branch)
    if base is None:
        raise ForgeError(f"there is no branch {base_branch} any more", status=_NOT_FOUND)
    done = within(
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
    return Diff(done.stdout[:cap], cut=len(done.stdout) > cap)


def of_pull(client: httpx.Client, repo_path: str, number: int, *, cap: int) -> Diff:
    """The diff of a pull request, at most `cap` bytes; `client` sends the token.

    Raises ForgeError, ForgeAuthError, ForgeUnreachableError.
    """
    found = bytearray()
    try:
        with client.stream("GET", f"{repo_path}/pulls/{number}.diff", timeout=_SECONDS) as response:
            if response.status_code in _REFUSED:
                raise ForgeAuthError("the forge refuses the token", status=response.status_code)
            if response.status_code == _NOT_FOUND:
                raise ForgeError("the forge knows no such pull request", status=_NOT_FOUND)
            if not response.is_success:
                raise ForgeUnreachableError(f"the forge answered {response.status_code}")
            for part in response.iter_bytes():
                found += part
                if len(found) > cap:
                    break
    except httpx.HTTPError as error:
        # Without the cause: an httpx error carries the request, and so the token.
        raise ForgeUnreachableError(f"the forge: {type(error).__name__}") from None
    return Diff(found[:cap].decode("utf-8", "replace"), cut=len(found) > cap)
