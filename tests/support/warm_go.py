"""A sandbox in which Go finds its own library compiled.

Go compiles it wherever its cache is empty, as it is in the home of every test run: 24 s of
processor time, several times a review. Here every run is given a copy of a cache that was filled
before any work was there, so nothing that a piece of work leaves in it reaches another run.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

_FILES = {
    "go.mod": "module warm\n\ngo 1.20\n",
    "warm_test.go": """package warm

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(m.Run()) }

func TestWarm(t *testing.T) {}
""",
}


def go_cache(shared: Path, path: str) -> Path:
    """A directory with Go's library compiled by the `go` on `path`, made once below `shared`."""
    shared.mkdir(parents=True, exist_ok=True)
    cache = shared / "cache"
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of one run of pytest share it
        if not (shared / "module").exists():
            module = shared / "module.begun"
            module.mkdir()
            for name, text in _FILES.items():
                (module / name).write_text(text)
            env = {"PATH": path, "HOME": str(shared), "GOCACHE": str(cache), "CI": "true"}
            subprocess.run(
                ["go", "test", "-json", "./..."],
                cwd=module,
                env=env,
                check=True,
                capture_output=True,
            )
            module.rename(shared / "module")
    return cache


class WarmGo:
    """`sandbox`, with a copy of `cache` for every run as Go's."""

    def __init__(self, sandbox, cache: Path) -> None:
        self.name = sandbox.name
        self._sandbox, self._cache = sandbox, cache

    def run(self, command, guard=None):
        with tempfile.TemporaryDirectory(prefix="damascus-go-") as directory:
            copy = Path(directory) / "cache"
            shutil.copytree(self._cache, copy)
            env = {**command.env, "GOCACHE": str(copy)}
            writable = (*command.writable, copy)
            return self._sandbox.run(replace(command, env=env, writable=writable), guard)
