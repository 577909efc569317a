"""A sandbox in which Go finds its own library compiled.

Go compiles it wherever its cache is empty, as it is in the home of every test run: 24 s of
processor time, several times a review. Here every run is given a copy of a cache that was filled
before any work was there, so nothing that a piece of work leaves in it reaches another run. It is
filled once for each version of Go and kept beside the tools of the tests (`make clean` removes it).
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
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


def go_cache(path: str) -> Path:
    """A directory with Go's library compiled by the `go` on `path`."""
    version = _go(path, "env", "GOVERSION", "GOROOT", "GOARCH", "CGO_ENABLED", "CC")
    name = hashlib.sha256(version.encode()).hexdigest()[:16]
    place = Path(sys.prefix) / "go" / name
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # all runs of the tests share it
        if not (place / "filled").exists():
            module = place / "module"
            module.mkdir(exist_ok=True)
            for file, text in _FILES.items():
                (module / file).write_text(text)
            _go(path, "test", "-json", "./...", cwd=module, HOME=place, GOCACHE=place / "cache")
            (place / "filled").touch()
    return place / "cache"


def _go(path: str, *words: str, cwd: Path | None = None, **env: Path) -> str:
    environment = {"PATH": path, "CI": "true", "HOME": "/nowhere"}
    environment |= {name: str(value) for name, value in env.items()}
    return subprocess.run(
        ["go", *words], cwd=cwd, env=environment, check=True, capture_output=True, text=True
    ).stdout


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
