"""Turns git's error output into one of our errors, without secrets."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Final

from damascus.errors import DamascusError, ForgeAuthError, ForgeUnreachableError, GitError
from damascus.ports import Remote
from damascus.text.redaction import Redactor
from damascus.text.sanitize import last_line

SHOWN: Final = 600  # characters of git's complaint that go into a sentence

# git answers in English: every run has LC_ALL=C.
REFUSED: Final = re.compile(
    r"returned error: 40[13]|Authentication failed|could not read (Username|Password)"
    r"|invalid credentials",
    re.IGNORECASE,
)
SILENT: Final = re.compile(
    r"Could not resolve|Couldn't (resolve|connect)|Failed to connect|Connection (refused|reset)"
    r"|(Connection|Operation) timed out|Empty reply|returned error: (408|429|5\d\d)"
    r"|(Recv|Send) failure|RPC failed|early EOF|unexpected disconnect|bad pack header"
    r"|SSL (certificate|connection|peer|_)|gnutls_handshake|TLS (connection|packet|handshake)"
    r"|server certificate|Network is unreachable|No route to host|transfer closed"
    r"|hung up unexpectedly",
    re.IGNORECASE,
)


MACHINE_FAULT: Final = re.compile(r"No space left|Disk quota|Input/output error|Read-only file")
# What git says of objects that it cannot read any more.
CORRUPT: Final = re.compile(
    r"bad (object|tree|blob|pack|signature)|corrupt|unable to (read|find)|could not read (?!from)"
    r"|is damaged|missing (blob|tree|commit|object)|unable to parse|does not match index|inflate"
    r"|cannot be accessed|not a (valid|commit)|invalid sha1|packfile|object file",
    re.IGNORECASE,
)


def of_machine(stderr: str) -> bool:
    """Tell whether git failed for a full or broken disk."""
    return bool(MACHINE_FAULT.search(stderr))


def of_objects(stderr: str) -> bool:
    """Tell whether git failed because it could not read its objects."""
    return bool(CORRUPT.search(stderr))


def without_secrets(
    text: str, redactor: Redactor | None = None, remote: Remote | None = None
) -> str:
    """Return `text` without secrets of the installation, of `remote`, or of a known shape."""
    known = () if redactor is None else redactor.values
    return Redactor((*known, *secrets_of(remote))).redact(text)


def secrets_of(remote: Remote | None) -> Iterator[str]:
    """Yield a remote's secrets: its header, and the token in it, decoded as well."""
    if remote is None or not remote.header:
        return
    value = remote.header.partition(":")[2].strip()
    yield from (remote.header, value)
    for word in value.split():
        yield word
        try:
            decoded = base64.b64decode(word, validate=True).decode()
        except ValueError:
            continue
        yield decoded
        yield decoded.partition(":")[2]


def shown(stderr: str) -> str:
    """Return the end of git's complaint on one line, for a sentence."""
    lines = [line.strip() for line in stderr.splitlines()]
    text = " ".join(line for line in lines if line and not line.startswith("hint:"))
    return last_line(text, SHOWN) or "it did not say why"


def of_network(doing: str, url: str, stderr: str) -> DamascusError:
    """Return the error for a command that failed to talk to `url`; `stderr` is clean already."""
    where = without_secrets(url)
    if REFUSED.search(stderr):
        return ForgeAuthError(
            f"{where} refuses the token while {doing}: give Damascus one that may read and write"
            f" the repository. git said: {shown(stderr)}"
        )
    if SILENT.search(stderr):
        return ForgeUnreachableError(f"{where} does not answer while {doing}: {shown(stderr)}")
    return GitError(f"git failed while {doing} with {where}: {shown(stderr)}", stderr=stderr)
