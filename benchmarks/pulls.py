"""What a review asks of the local forge, with many pull requests against few, as a ratio.

One item's acts (open, status, comment, merge, delete the branch) in a repository whose record holds
`--many` pull requests, each with comments and a status, against one that holds ten.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from damascus.forge.local import LocalForge
from damascus.forge.local_records import LocalPull, LocalRecords
from damascus.forge.local_store import LocalStore

MOST = 1.3  # times as long as with ten pull requests
BODY = "What was asked for, what was built, and how it was tested.\n" * 30
FEW = 10


def git(where: Path, *words: str) -> str:
    """Run git without anybody's configuration."""
    told = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    who = {
        f"GIT_{role}_{key}": "a@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for key in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", *words],
        cwd=where,
        env={**os.environ, **told, **who},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def prepare(place: Path, *, pulls: int, branches: int) -> None:
    """Make a repository with `branches` branches to merge and `pulls` old pull requests."""
    git(place.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(place))
    tree = git(place, "hash-object", "-w", "-t", "tree", os.devnull)
    base = git(place, "commit-tree", tree, "-m", "Begin")
    git(place, "update-ref", "refs/heads/main", base)
    for number in range(branches):
        sha = git(place, "commit-tree", tree, "-p", base, "-m", f"Work {number}")
        git(place, "update-ref", f"refs/heads/work-{number}", sha)
    with LocalStore(place).locked() as records:
        fill(records, pulls, base)


def fill(records: LocalRecords, pulls: int, sha: str) -> None:
    """Write old pull requests, nine of ten closed, in one transaction."""
    connection = records._connection  # noqa: SLF001 - a transaction each would take an hour
    connection.execute("BEGIN")
    for number in range(1, pulls + 1):
        state = "closed" if number % 10 else "open"
        records.save(LocalPull(number, "T", BODY, f"old-{number}", "main", sha, state))
        for comment in range(3):
            records.add_comment(number, f"{comment}: {BODY}")
        records.set_status(f"{number:040x}", state="success", description="green")
    connection.execute("COMMIT")


def carry(forge: LocalForge, branch: str) -> float:
    """Carry one branch from its pull request to its merge; the seconds it took."""
    began = time.perf_counter()
    pull = forge.ensure_pull(head=branch, base="main", title="T", body=BODY)
    forge.set_status(pull.head_sha, state="pending", description="testing")
    for number in range(3):
        forge.comment(pull.number, f"<{number}> {BODY}", marker=f"<{number}>")
    forge.set_status(pull.head_sha, state="success", description="green")
    forge.merge(pull.number, head_sha=pull.head_sha, style="merge", title="T", message="m")
    forge.delete_branch(branch)
    return time.perf_counter() - began


def main() -> None:
    """Print the times and their ratio; fail when it is too high."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--many", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="damascus-pulls-") as directory:
        places = {count: Path(directory, f"{count}.git") for count in (FEW, given.many)}
        for count, place in places.items():
            prepare(place, pulls=count, branches=given.rounds + 1)
        times: dict[int, list[float]] = {count: [] for count in places}
        for number in range(given.rounds + 1):
            order = list(places) if number % 2 else list(reversed(places))
            for count in order:
                times[count].append(carry(LocalForge(places[count]), f"work-{number}"))
        few, many = times[FEW][1:], times[given.many][1:]
        # The best of each: whatever else the machine does only adds to some of them.
        ratio = min(many) / min(few)
        for count, taken in ((FEW, few), (given.many, many)):
            print(f"{count:9,} pull requests   {min(taken):6.3f} s an item")
        print(f"ratio                     {ratio:6.2f}   (at most {MOST})")
    sys.exit(0 if ratio <= MOST else 1)


if __name__ == "__main__":
    main()
