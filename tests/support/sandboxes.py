"""The sandbox of tests that are about something else: bubblewrap, where this machine has it."""

from __future__ import annotations

import shutil
from functools import cache

from damascus.errors import NoSandboxError
from damascus.sandbox import Bubblewrap, Plain, detect

# What DAMASCUS_SANDBOX has to say for a program of ours to run anything here.
AT_HAND = "plain" if shutil.which("bwrap") is None else "bubblewrap"


@cache  # finding all that the programs on a path need takes 60 ms
def at_hand(path: str) -> Bubblewrap | Plain:
    """The best sandbox that works here, for the programs on `path`."""
    try:
        return detect("bubblewrap", path=path)
    except NoSandboxError:
        return detect("plain", path=path)
