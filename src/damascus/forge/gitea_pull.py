"""A pull request as the API of Gitea and Forgejo tells it, read with suspicion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from damascus.errors import ForgeUnreachableError
from damascus.ports import PullRequest

from .gitea_http import as_object


def read_pull(data: Mapping[str, Any], page: str) -> PullRequest:
    """The pull request in `data`; `page` is the address of the repository.

    Raises ForgeUnreachableError when a field that decides something is missing.
    """
    head, base = _branch(data, "head"), _branch(data, "base")
    number, state = data.get("number"), data.get("state")
    head_sha, mergeable = head.get("sha"), data.get("mergeable")
    if (
        not isinstance(number, int)
        or not isinstance(head_sha, str)
        or state not in ("open", "closed")
    ):
        raise ForgeUnreachableError("The forge answered with something that is no pull request.")
    merged = data.get("merged") is True
    merge_sha, url = data.get("merge_commit_sha"), str(data.get("html_url"))
    return PullRequest(
        number=number,
        # The public address may differ from the one Damascus uses; it is for people only.
        url=url if url.startswith(("https://", "http://")) else f"{page}/pulls/{number}",
        state=state,
        merged=merged,
        head_sha=head_sha,
        head_branch=_name(head),
        base_branch=str(base.get("ref")),
        merge_sha=str(merge_sha) if merged and merge_sha else None,
        mergeable=mergeable if isinstance(mergeable, bool) else None,
    )


def is_from_branch(data: Mapping[str, Any], head: str, base: str) -> bool:
    """Tell whether `data` is an open pull request between two branches of the repository itself.

    A fork may offer a branch of the same name; that is somebody else's.
    """
    ours, theirs = _branch(data, "base"), _branch(data, "head")
    return (
        data.get("state") == "open"
        and (theirs.get("ref"), ours.get("ref")) == (head, base)
        and theirs.get("repo_id") == ours.get("repo_id")
    )


def _name(head: Mapping[str, Any]) -> str:
    """The name of the branch; the ref names the forge's own copy once the branch is gone."""
    ref, label = str(head.get("ref")), str(head.get("label") or "")
    return label if label and ref.startswith("refs/pull/") else ref


def _branch(data: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    return as_object(data.get(side))
