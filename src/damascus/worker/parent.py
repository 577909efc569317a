"""Ends a process whose parent is gone.

`taskiq worker` starts the process that works as a child. Killed alone, the parent leaves a child
that claims and merges for ever, beside the one that replaces both. The kernel can signal a child
when its parent ends (PR_SET_PDEATHSIG), but it means the thread that started the child, not the
process; so a thread waits for the parent's end.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from typing import Final

log = logging.getLogger(__name__)

_SPARE_SECONDS: Final = 30.0  # after the grace time, for claims to be released and written


def end_with_parent(parent: int, *, grace_seconds: float) -> None:
    """From now on, end this process in good order when the process `parent` is gone.

    It gets SIGTERM, as from a service manager, and SIGKILL when it lives on much longer than
    `grace_seconds`: nobody else is left to do that. Returns at once.
    """
    threading.Thread(
        target=_end_after, args=(parent, grace_seconds), name="parent", daemon=True
    ).start()


def wait_for_end(parent: int) -> None:
    """Return when the process `parent`, which has started this one, is gone."""
    try:
        handle = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    try:
        # Asked after the handle was opened: its id may have gone to another process before that.
        if os.getppid() == parent:
            select.select([handle], [], [])
    finally:
        os.close(handle)


def _end_after(parent: int, grace_seconds: float) -> None:
    wait_for_end(parent)
    log.warning("the process that started this worker is gone: this one ends as well")
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    if not threading.Event().wait(grace_seconds + _SPARE_SECONDS):
        os.kill(os.getpid(), signal.SIGKILL)
