"""Gitea and Forgejo behind `Forge`: the verbs, each of which may be said twice.

A request that changes something and gets no answer may have been carried out. So what must happen
once (a pull request, a comment, a merge) is looked for before it is asked for again.
"""

from __future__ import annotations

import random
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError, UsageError
from damascus.ports import Diff, PullRequest, Remote

from . import diffs
from .gitea_http import Answer, GiteaHTTP, as_object, refusal
from .gitea_merge import merge_and_read_back
from .gitea_pull import is_from_branch, read_pull
from .gitea_url import parse_repo

__all__ = ["GiteaForge", "parse_repo"]

STATUS_CONTEXT = "damascus/review"
_STATES = frozenset({"pending", "success", "failure", "error"})
_STYLES = frozenset({"merge", "squash"})
_TRIES = 3  # of what is looked for before it is asked for again
_TITLE_CAP = 250  # columns as `_cut` counts them; the forge cuts at 255
_IN_ORDER = {"sort": "oldest"}  # by default a new one moves the others on to the next page
_NOT_FOUND = 404
_CONFLICT = 409
_MERGED = 412  # the state of what is merged cannot be changed


class GiteaForge:
    """One repository on a Gitea or Forgejo at `base_url`, used with an access token.

    The token needs `write:repository` and, for comments, `write:issue`. `timeout` is in seconds
    per read or write; `merge_patience` is how many seconds a merge waits, in all, for the forge to
    become ready. `transport`, `sleep` and `jitter` are replaced by tests. Safe to use from several
    threads.
    """

    def __init__(
        self,
        base_url: str,
        owner: str,
        name: str,
        token: str,
        *,
        timeout: float = 30.0,
        merge_patience: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = GiteaHTTP(
            base_url, token, timeout=timeout, transport=transport, sleep=sleep, jitter=jitter
        )
        self.page = f"{self._http.base_url}/{owner}/{name}"
        self._repo = f"/repos/{_in_path(owner)}/{_in_path(name)}"
        self._where = f"{owner}/{name}"
        self._token = token
        self._merge_patience = merge_patience
        self._sleep = sleep

    def close(self) -> None:
        """Close the connections to the forge."""
        self._http.close()

    def remote(self) -> Remote:
        """The clone URL on the configured host, whatever the server would say, and the token.

        Git's own HTTP routes take the token as the password of Basic authentication, under any
        user name; as the user name it would end up in the access logs of proxies.
        """
        basic = b64encode(f"x-access-token:{self._token}".encode()).decode()
        return Remote(url=f"{self.page}.git", header=f"Authorization: Basic {basic}")

    def check(self, base_branch: str, *, directory: str = "") -> None:
        """Raise with a clear sentence unless repository, base branch and directory can be used."""
        answer = self._get(self._repo)
        if not answer.ok:
            raise ForgeError(
                f"There is no repository {self._where} on the forge that the token may see.",
                status=answer.status,
            )
        repo = _object(answer)
        if repo.get("archived"):
            raise ForgeError(f"The repository {self._where} is archived; unarchive it first.")
        if repo.get("mirror"):
            raise ForgeError(f"The repository {self._where} is a mirror; nothing can be pushed.")
        if repo.get("has_pull_requests") is False:
            raise ForgeError(f"Pull requests are switched off in the repository {self._where}.")
        rights: Mapping[str, Any] = repo.get("permissions") or {}
        if not rights.get("push"):
            raise ForgeAuthError(
                f"The token may not write to {self._where}; give its user the right to push."
            )
        branch = self._get(f"{self._repo}/branches/{_in_path(base_branch)}")
        if not branch.ok:
            raise ForgeError(
                f"The repository {self._where} has no branch {base_branch!r}; create it, or give"
                " the project another base branch.",
                status=branch.status,
            )
        if directory and not self._is_directory(base_branch, directory):
            raise ForgeError(
                f"The repository {self._where} has no directory {directory!r} on its branch"
                f" {base_branch!r}, or a link in its place.",
                status=_NOT_FOUND,
            )
        self._try_scopes(base_branch)

    def default_branch(self) -> str | None:
        """The branch the repository calls its main one; None when there is no repository."""
        answer = self._get(self._repo)
        found = _object(answer).get("default_branch") if answer.ok else None
        return str(found) if found else None

    def diff(
        self, *, number: int | None, head_sha: str, base_sha: str | None, base_branch: str, cap: int
    ) -> Diff:
        """The diff of the pull request `number`; a head without one has none here."""
        del head_sha, base_sha, base_branch
        if number is None:
            raise ForgeError("there is no pull request to look at", status=_NOT_FOUND)
        return diffs.of_pull(self._http.client, self._repo, number, cap=cap)

    def _is_directory(self, branch: str, path: str) -> bool:
        place = "/".join(_in_path(part) for part in path.split("/"))
        answer = self._get(f"{self._repo}/contents/{place}", {"ref": branch})
        return answer.ok and isinstance(answer.data, list)  # anything else is one object

    def _try_scopes(self, branch: str) -> None:
        """Raise ForgeAuthError unless the token has the scopes that writing needs.

        What the user may do says nothing of the token, and the API tells a token's scopes to
        nobody: so two things are asked for that no server grants, but for other reasons.
        """
        to_itself = {"head": branch, "base": branch, "title": "Nothing"}
        self._http.ask("POST", f"{self._repo}/pulls", body=to_itself, repeatable=True)
        no_words = {"body": ""}
        self._http.ask("POST", f"{self._repo}/issues/0/comments", body=no_words, repeatable=True)

    def ensure_pull(self, *, head: str, base: str, title: str, body: str) -> PullRequest:
        """The one open pull request from `head` to `base`: found, or opened.

        Title and body of one that is there are changed if they differ. One that is closed is left
        alone and another is opened. Of several open ones the oldest stays and the others are
        closed.
        """
        title = _cut(" ".join(title.split()))
        fault: Exception | None = None
        for attempt in range(1, _TRIES + 1):
            if fault is not None:
                self._http.pause(attempt - 1)
            if found := self._only(head, base):
                return self._retitle(found, title, body)
            form = {"head": head, "base": base, "title": title, "body": body}
            try:
                answer = self._http.ask("POST", f"{self._repo}/pulls", body=form)
            except ForgeUnreachableError as lost:
                fault = lost
                continue
            if answer.ok:
                made = _object(answer)
                return self._pull(self._only(head, base, made=made) or made)
            what = f"open a pull request from {head!r} to {base!r}"
            fault = ForgeError(refusal(what, answer), status=answer.status)
            if answer.status != _CONFLICT:  # on which it is there, opened by somebody just now
                raise fault
        assert fault is not None  # noqa: S101 - the loop runs at least once
        raise fault

    def pull(self, number: int) -> PullRequest:
        """Read a pull request back. Raises ForgeError with status 404 when there is none."""
        answer = self._get(f"{self._repo}/pulls/{number}")
        if not answer.ok:
            raise ForgeError(
                f"There is no pull request #{number} in {self._where}.", status=answer.status
            )
        return self._pull(_object(answer))

    def pulls(self) -> Sequence[PullRequest]:
        """Every pull request there ever was."""
        rows = self._http.pages(f"{self._repo}/pulls", {"state": "all", **_IN_ORDER})
        return [self._pull(row) for row in rows]

    def comment(self, number: int, body: str, *, marker: str) -> None:
        """Add a comment once: nothing happens if one with `marker` in its body is there."""
        if marker not in body:
            raise UsageError("The comment must contain its own marker, or it would be repeated.")
        path = f"{self._repo}/issues/{number}/comments"
        fault: ForgeUnreachableError | None = None
        for attempt in range(1, _TRIES + 1):
            if fault is not None:
                self._http.pause(attempt - 1)
            if self._is_said(number, marker):
                return
            try:
                answer = self._http.ask("POST", path, body={"body": body})
            except ForgeUnreachableError as lost:
                fault = lost
                continue
            if not answer.ok:
                raise ForgeError(refusal(f"comment on #{number}", answer), status=answer.status)
            return
        assert fault is not None  # noqa: S101 - the loop runs at least once
        raise fault

    def set_status(self, sha: str, *, state: str, description: str) -> None:
        """Set the commit status `damascus/review` to pending, success, failure or error."""
        if state not in _STATES:
            raise UsageError(f"A commit status is one of {sorted(_STATES)}, not {state!r}.")
        form = {
            "state": state,
            "context": STATUS_CONTEXT,
            "description": " ".join(description.split())[:_TITLE_CAP],
        }
        # Asked for again without a look: of equal statuses the newest counts.
        path = f"{self._repo}/statuses/{_in_path(sha)}"
        try:
            answer = self._http.ask("POST", path, body=form, repeatable=True)
        except ForgeUnreachableError:
            # Gitea answers 500 for a commit it does not have.
            if self._get(f"{self._repo}/git/commits/{_in_path(sha)}").ok:
                raise
            raise ForgeError(
                f"There is no commit {sha} in {self._where}.", status=_NOT_FOUND
            ) from None
        if not answer.ok:
            what = f"set the status of commit {sha[:12]}"
            raise ForgeError(refusal(what, answer), status=answer.status)

    def merge(self, number: int, *, head_sha: str, style: str, title: str, message: str) -> str:
        """Merge if the head is still `head_sha`; returns the merge commit's SHA.

        Already merged is success. Raises HeadMovedError, MergeConflictError, ForgeAuthError;
        ForgeError with status 404 when it was closed and 409 when the base moved meanwhile; and
        ForgeUnreachableError when the forge is not ready within the patience.
        """
        if style not in _STYLES:
            raise UsageError(f"A merge style is one of {sorted(_STYLES)}, not {style!r}.")
        form = {
            # Capitalised: Forgejo and older Gitea know no other spelling.
            "Do": style,
            "MergeTitleField": " ".join(title.split()),
            "MergeMessageField": message,
            "head_commit_id": head_sha,  # a moved head is refused
        }
        path = f"{self._repo}/pulls/{number}/merge"
        return merge_and_read_back(
            read=lambda: self.pull(number),
            post=lambda: self._http.ask("POST", path, body=form),
            wait=self._sleep,
            patience=self._merge_patience,
            head_sha=head_sha,
        )

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; absent is success."""
        path = f"{self._repo}/branches/{_in_path(branch)}"
        answer = self._http.ask("DELETE", path, repeatable=True)
        if not answer.ok and answer.status != _NOT_FOUND:
            what = f"delete the branch {branch!r}"
            raise ForgeError(refusal(what, answer), status=answer.status)

    def _only(
        self, head: str, base: str, *, made: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        """The oldest open pull request from `head` to `base`, `made` among them; closes the others.

        Gitea looks for another one and then opens this one, with nothing between the two that
        keeps somebody else out. Whoever looks last sees them all, so all agree on the oldest. The
        route that finds a pull request by its branches is no help: it knows only one of them, which
        may be closed.
        """
        rows = self._http.pages(f"{self._repo}/pulls", {"state": "open", **_IN_ORDER})
        found = {self._number(row): row for row in rows if is_from_branch(row, head, base)}
        if made is not None:
            found[self._number(made)] = made
        if not found:
            return None
        first, *others = sorted(found)
        for number in others:
            path, form = f"{self._repo}/pulls/{number}", {"state": "closed"}
            answer = self._http.ask("PATCH", path, body=form, repeatable=True)
            if not answer.ok and answer.status != _MERGED:
                what = f"close the superfluous pull request #{number}"
                raise ForgeError(refusal(what, answer), status=answer.status)
        return found[first]

    def _is_said(self, number: int, marker: str) -> bool:
        """Tell whether a comment with `marker` is there; raises when the pull request is not."""
        rows = self._http.pages(f"{self._repo}/issues/{number}/comments")
        try:
            return any(marker in str(row.get("body")) for row in rows)
        except ForgeUnreachableError:
            self.pull(number)  # Gitea answers 500 for one that does not exist
            raise

    def _retitle(self, found: Mapping[str, Any], title: str, body: str) -> PullRequest:
        same_body = _lines(found.get("body")) == _lines(body)
        if found.get("title") == title and same_body:
            return self._pull(found)
        path = f"{self._repo}/pulls/{read_pull(found, self.page).number}"
        form = {"title": title, "body": body}
        answer = self._http.ask("PATCH", path, body=form, repeatable=True)
        if not answer.ok:
            raise ForgeError(refusal("change the pull request", answer), status=answer.status)
        return self._pull(_object(answer))

    def _number(self, data: Mapping[str, Any]) -> int:
        return self._pull(data).number

    def _pull(self, data: Mapping[str, Any]) -> PullRequest:
        return read_pull(data, self.page)

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Read something that may not be there; any other refusal is raised."""
        answer = self._http.ask("GET", path, params=params, repeatable=True)
        if not answer.ok and answer.status != _NOT_FOUND:
            raise ForgeError(refusal(f"show {path}", answer), status=answer.status)
        return answer


def _in_path(text: str) -> str:
    if text in {"", ".", ".."}:
        raise UsageError(f"{text!r} is not a name the forge can have.")
    return quote(text, safe="")


def _cut(title: str) -> str:
    """As much of a title as the forge keeps: to it, most letters outside Latin-1 are two wide.

    A title it would cut comes back as another one, and would be changed again each time.
    """
    width = 0
    for place, letter in enumerate(title):
        width += 1 if ord(letter) <= 0xFF else 2  # noqa: PLR2004 - the end of Latin-1
        if width > _TITLE_CAP:
            return title[:place].rstrip()
    return title


def _lines(text: object) -> list[str]:
    """Text as the forge may give it back: other line ends, no blanks around."""
    return str(text or "").strip().splitlines()


def _object(answer: Answer) -> Mapping[str, Any]:
    if not (data := as_object(answer.data)):
        raise ForgeUnreachableError("The forge answered with something that is not its API.")
    return data
