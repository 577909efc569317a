"""One run of git: its environment, its settings, its deadline and its bounds.

Git reads neither the machine's nor the user's configuration. Its environment is built from scratch,
every setting that could start a program is set here, and git sees one repository configuration
only: the worker's own. Each run first checks that this file is as the worker wrote it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from damascus.errors import ForgeUnreachableError, GitError
from damascus.git_ops import errors as git_errors
from damascus.git_ops.tree import check_own
from damascus.local_repositories import locate, view
from damascus.ports import Remote, Workspace
from damascus.text.redaction import Redactor

SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.sshCommand=false",
    "core.askPass=false",
    "core.editor=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.symlinks=true",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "credential.helper=",
    "protocol.ext.allow=never",
    "http.followRedirects=false",  # the token stays with the host it is for
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "push.followTags=false",
    "fetch.unpackLimit=1",  # one pack is quicker to copy than thousands of files
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "push.gpgSign=false",
    "merge.conflictStyle=merge",
    "merge.verifySignatures=false",
    "advice.detachedHead=false",
    "i18n.commitEncoding=utf-8",
)
ENVIRONMENT: Final = {
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "SSH_ASKPASS": "false",
    "GIT_EDITOR": "false",
    "GIT_PAGER": "cat",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_ALLOW_PROTOCOL": "file:http:https",
}
# What an operator may set for the worker, and git needs to know to reach a forge.
PASSED_ON: Final = (
    *("GIT_SSL_CAINFO", "GIT_SSL_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"),
)
CLEANING: Final = ("-c", "filter.lfs.clean=git-lfs clean -- %f")
STDERR_KEPT: Final = 8192  # bytes


@dataclass(frozen=True, slots=True)
class GitOutput:
    """How one git command ended; `stderr` is free of secrets."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode("utf-8", "backslashreplace").strip()


class GitProcess:
    """Starts git. Timeouts are in seconds; `environment` is what PATH and CA files come from.

    `redactor` takes secrets out of what git says when it fails.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str] | None = None,
        network_timeout: float = 120.0,
        local_timeout: float = 600.0,
        redactor: Redactor | None = None,
    ) -> None:
        self._redactor = redactor
        given = os.environ if environment is None else environment
        # A relative entry would find a program in the checkout.
        path = [p for p in given.get("PATH", os.defpath).split(os.pathsep) if p.startswith("/")]
        self._environment = {
            **ENVIRONMENT,
            "PATH": os.pathsep.join(path),
            **{name: given[name] for name in PASSED_ON if name in given},
        }
        # Whether files that the attributes give to Git LFS become pointers where git takes them in.
        self.cleans = shutil.which("git-lfs", path=self._environment["PATH"]) is not None
        self.network_timeout = network_timeout
        self.local_timeout = local_timeout

    def run(
        self,
        *arguments: str,
        workspace: Workspace | None = None,
        remote: Remote | None = None,
        feed: bytes = b"",
        cap: int | None = None,
        extra: Mapping[str, str] | None = None,
        into: IO[bytes] | None = None,
        hold: int | None = None,
    ) -> GitOutput:
        """Run git to its end, in the worker's git directory of `workspace` or in none.

        With `remote`, git sends that remote's header to it, and to no other host. At most
        `cap` bytes of output are read; with `into` all of it goes to that file instead. `hold` is a
        file that stays open while git runs, whatever becomes of this process. Raises
        GitError when git cannot be started, or is stuck; ForgeUnreachableError when the remote is.
        """
        argv = ["git", *(word for setting in SETTINGS for word in ("-c", setting))]
        environment = {**self._environment, **_header(remote), **(extra or {})}
        with ExitStack() as stack:
            stdin = stack.enter_context(tempfile.TemporaryFile())
            stderr = stack.enter_context(tempfile.TemporaryFile())
            if workspace is None:
                # In an empty directory, and told not to look further up for a repository.
                cwd = stack.enter_context(tempfile.TemporaryDirectory(prefix="damascus-git-"))
                environment["GIT_CEILING_DIRECTORIES"] = str(Path(cwd).parent)
            else:
                check_own(workspace)
                cwd = str(workspace.checkout)
                argv += [f"--git-dir={workspace.git_dir}", f"--work-tree={workspace.checkout}"]
                argv += CLEANING if self.cleans else ()
            words = list(arguments)
            if remote is not None:
                words = self._without_configuration(stack, remote, words)
            stdin.write(feed)
            stdin.seek(0)
            try:
                process = subprocess.Popen(
                    [*argv, *words],
                    cwd=cwd,
                    env=environment,
                    stdin=stdin,
                    stdout=subprocess.PIPE if into is None else into,
                    stderr=stderr,
                    pass_fds=() if hold is None else (hold,),
                    process_group=0,  # the session stays ours: see sandbox/orphans.py
                )
            except OSError as error:
                raise GitError(
                    f"git could not be started ({error}): install git, and keep the checkout."
                ) from error
            out, stuck = self._read(process, cap, remote)
            said = _end_of(stderr)
        clean = git_errors.without_secrets(said, self._redactor, remote) if said else ""
        if stuck and remote is not None:
            raise ForgeUnreachableError(
                f"{git_errors.without_secrets(remote.url)} did not answer within"
                f" {self.network_timeout:g} seconds (git {arguments[0]})."
            )
        if stuck:
            raise GitError(
                f"git {arguments[0]} did not end within {self.local_timeout:g} seconds.",
                stderr=clean,
            )
        return GitOutput(process.returncode, out, clean)

    def _without_configuration(
        self, stack: ExitStack, remote: Remote, arguments: Sequence[str]
    ) -> list[str]:
        """Put the view of a repository on this machine in its place: git would obey it itself.

        Raises GitError when it cannot be read.
        """
        repository = locate(remote.url) if "://" not in remote.url else None
        if repository is None:
            return list(arguments)
        try:
            seen = stack.enter_context(view(repository))
        except OSError as error:
            raise GitError(f"{remote.url} cannot be read: {error.strerror}.") from error
        return [str(seen) if word == remote.url else word for word in arguments]

    def _read(
        self, process: subprocess.Popen[bytes], cap: int | None, remote: Remote | None
    ) -> tuple[bytes, bool]:
        """Read the output and reap; the second value tells whether the deadline passed."""
        stuck = threading.Event()

        def late() -> None:
            stuck.set()
            _kill(process)

        limit = self.local_timeout if remote is None else self.network_timeout
        timer = threading.Timer(limit, late)
        timer.start()
        try:
            out = b""
            if process.stdout is not None:
                with process.stdout as stdout:
                    out = stdout.read(-1 if cap is None else cap)
            if cap is not None and len(out) == cap:
                _kill(process)  # the rest is not wanted
            process.wait()
        finally:
            timer.cancel()
            _kill(process)
            process.wait()
        return out, stuck.is_set()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and the helpers it started, unless it has ended by itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _header(remote: Remote | None) -> dict[str, str]:
    """Pass the header in the environment: every user can read an argv."""
    if remote is None or not remote.header:
        return {}
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"http.{remote.url}.extraHeader",
        "GIT_CONFIG_VALUE_0": remote.header,
    }


def _end_of(stderr: IO[bytes]) -> str:
    size = stderr.seek(0, os.SEEK_END)
    stderr.seek(max(0, size - STDERR_KEPT))
    return stderr.read().decode("utf-8", "replace").replace("\0", "")
