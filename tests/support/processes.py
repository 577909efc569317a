"""Damascus's own programs as real processes, with an environment made from nothing.

Commands of `damascus` are forked (see `fork_server`), where a test does not ask for `fresh` ones:
interpreters that are started anew.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from support import forked
from support.patience import patience, wait_until
from support.sandboxes import AT_HAND


class Programs:
    """Starts programs below `home`, and ends every one it started."""

    def __init__(self, home: Path, *, fresh: bool = False, **settings: str) -> None:
        self.home = home
        self.fresh = fresh
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "DAMASCUS_HOME": str(home / "damascus"),
            "DAMASCUS_API_PORT": "0",
            "DAMASCUS_SANDBOX": AT_HAND,
            **settings,
        }
        self._started: list[subprocess.Popen[bytes] | forked.Forked] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._started:
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience(10))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def start(
        self, *argv: str, fresh: bool = False, **settings: str
    ) -> subprocess.Popen[bytes] | forked.Forked:
        """Start `python -m argv…` in a session of its own; its output goes to the log."""
        given = {**self.environment, **settings}
        with (self.home / "log").open("ab") as log:
            if argv[0] == "damascus" and not (fresh or self.fresh):
                process = forked.start(argv, env=given, cwd=self.home, stdout=log, stderr=log)
            else:
                process = subprocess.Popen(
                    [sys.executable, "-m", *argv],
                    env=given,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        self._started.append(process)
        return process

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `damascus argv…` to its end."""
        words, limit = ("damascus", *argv), patience(120)
        if self.fresh:
            done = subprocess.run(
                [sys.executable, "-m", *words],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=limit,
            )
        else:
            done = forked.run(words, env=self.environment, cwd=self.home, timeout=limit)
        assert not check or done.returncode == 0, done.stderr + self.log[-4000:]
        return done

    def json(self, *argv: str) -> Any:
        """What `damascus argv… --json` prints."""
        return json.loads(self.run(*argv, "--json").stdout)

    @property
    def log(self) -> str:
        path = self.home / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def until(self, what: Callable[[], Any], *, seconds: float = 90.0) -> Any:
        """Wait until `what` gives something true; fails with the log when it does not."""
        return wait_until(what, seconds=seconds, every=0.2, tell=lambda: self.log[-6000:])
