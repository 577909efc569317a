"""How soon an attempt has its checkout, in a repository of size, against `git worktree add`.

A repository is generated with many files and much history. The first attempt fetches it; what is
compared is each further one: the worker's checkout and the agent's own `.git`, ready to work in.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from damascus.git_ops import GitBinary
from damascus.ports import Remote, Workspace
from damascus.removal import remove

MOST = 1.3  # times `git worktree add`
LARGE = 5_000_000  # bytes of a file of which every commit has a new version
SMALL = 4_000
PER_DIRECTORY = 50


def generate(place: Path, *, files: int, megabytes: int) -> None:
    """Make a bare repository whose tip has `files` files and whose history takes `megabytes`."""
    git(place.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(place))
    noise = random.Random(7)  # noqa: S311 - no secret
    with subprocess.Popen(
        ["git", "-C", str(place), "-c", "core.compression=0", "fast-import", "--quiet"],
        stdin=subprocess.PIPE,
    ) as importing:
        assert importing.stdin is not None
        stream = importing.stdin
        small = [(f"d{n // PER_DIRECTORY}/f{n}.txt", SMALL) for n in range(files)]
        write(stream, small, noise)
        left = megabytes * 1_000_000 - files * SMALL
        while left > 0:
            write(stream, [("large.bin", LARGE)], noise)
            left -= LARGE
        write(stream, [("large.bin", SMALL)], noise)
        stream.close()
    if importing.returncode:
        raise SystemExit("git fast-import failed")


def write(stream: IO[bytes], files: list[tuple[str, int]], noise: random.Random) -> None:
    """Add a commit with random contents of the sizes given."""
    stream.write(b"commit refs/heads/main\ncommitter A <a@example.org> 1700000000 +0000\n")
    stream.write(b"data 1\nx\n")
    for name, size in files:
        stream.write(f"M 100644 inline {name}\ndata {size}\n".encode())
        stream.write(noise.randbytes(size))
        stream.write(b"\n")


def git(where: Path, *words: str) -> None:
    """Run git without anybody's configuration."""
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *words], cwd=where, env=environment, check=True)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes, with everything that was written before on the disk."""
    os.sync()
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    """Print the times and their ratio; fail when it is too high."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=6)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="damascus-clone-") as directory:
        top = Path(directory)
        repository, worker = top / "repository.git", GitBinary(mirrors=top / "mirrors")
        generate(repository, files=given.files, megabytes=given.megabytes)
        remote = Remote(str(repository))

        def attempt(number: int) -> Workspace:
            space = Workspace(top / f"attempt-{number}")
            worker.clone(remote, space, ref="main")
            return space

        print(f"first attempt   {seconds(lambda: attempt(0)):6.2f} s")
        theirs, mine = list[float](), list[float]()
        for number in range(1, given.rounds + 1):
            tree = top / f"tree-{number}"
            words = ("worktree", "add", "--quiet", "--detach", str(tree), "main")
            acts = [
                (theirs, lambda words=words: git(repository, *words)),
                (mine, lambda number=number: attempt(number)),
            ]
            # Whoever is second waits for the disk to take what the first one wrote: take turns.
            for times, act in acts if number % 2 else reversed(acts):
                os.sync()
                times.append(seconds(act))
            adding, ours = theirs[-1], mine[-1]
            print(f"worktree add    {adding:6.2f} s   attempt {ours:6.2f} s")
            remove(tree)
            remove(Workspace(top / f"attempt-{number}").root)
        ratio = statistics.median(our / their for our, their in zip(mine, theirs, strict=True))
        print(f"ratio           {ratio:6.2f}   (at most {MOST})")
        remove(top)
    sys.exit(0 if ratio <= MOST else 1)


if __name__ == "__main__":
    main()
