"""What a prepared environment costs the second attempt, as a ratio to copying it.

    python benchmarks/environments.py [--files N] [--rounds N] [--json]

A set-up makes N small files below node_modules and a few below HOME. Then attempts follow with the
same key, each in a fresh checkout: from the look for the key until a command inside the sandbox has
read one of the files. The ratio is that time to `cp -a` of the same files, and to the set-up.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from damascus.environments.store import EnvironmentStore
from damascus.ports import INSIDE_CHECKOUT, INSIDE_HOME, Command, Recipe, Workspace
from damascus.sandbox import detect
from damascus.sandbox.overlay_trial import overlay_problem

SECONDS = 2.0  # what a second attempt may take at most, whatever the size
PATH = os.environ.get("PATH", "/usr/bin:/bin")
MAKE = """
import pathlib, sys
for number in range(int(sys.argv[1])):
    place = pathlib.Path("node_modules", str(number // 100))
    if number % 100 == 0:
        place.mkdir(parents=True)
    (place / f"{number % 100}.js").write_text(f"module.exports = {number};\\n" * 20)
"""


def main() -> int:
    """Measure and print; 1 when a second attempt took longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="damascus-benchmark-") as name:
        figures = measure(Path(name).resolve(), options.files, options.rounds)
    if options.json:
        sys.stdout.write(json.dumps(figures) + "\n")
    else:
        for what, figure in figures.items():
            sys.stdout.write(f"{what:>32} {figure}\n")
    return int(figures["second attempt, s"] > SECONDS)


def measure(root: Path, files: int, rounds: int) -> dict[str, float | str]:
    """Make an environment once, use it `rounds` times, copy it as often."""
    sandbox = detect("bubblewrap", path=PATH)
    store = EnvironmentStore(root / "environments", overlay_problem=overlay_problem, days=1)
    recipe = Recipe("bench", ("make",), (), PATH, sandbox.name, "none")

    def run(place: Workspace, argv: tuple[str, ...], layers: tuple[object, ...] = ()) -> None:
        done = sandbox.run(
            Command(
                argv=argv,
                cwd=place.checkout,
                env={"PATH": PATH, "HOME": str(place.home)},
                writable=(place.checkout, place.home),
                layers=layers,  # type: ignore[arg-type]
                shown={place.checkout: INSIDE_CHECKOUT, place.home: INSIDE_HOME},
            )
        )
        if done.exit_code:
            raise SystemExit(done.output)

    def attempt(number: int) -> float:
        place = Workspace(root / str(number))
        for directory in (place.checkout, place.home):
            directory.mkdir(parents=True)
        (place.checkout / "package.json").write_text("{}")
        began = time.monotonic()
        made = store.prepare(
            recipe,
            place,
            lambda where: run(where, ("python3", "-c", MAKE, str(files))),
            lost=lambda: False,
        )
        assert made is not None
        made.enter(place)
        with made.layers(place) as layers:
            run(place, ("cat", "node_modules/0/1.js"), tuple(layers))
            took = time.monotonic() - began
        shutil.rmtree(place.root)
        return took

    first = attempt(0)
    second = statistics.median(attempt(number) for number in range(1, rounds + 1))
    kept = next((root / "environments" / "bench").glob("*/0"))
    copies: list[float] = []
    for number in range(rounds):
        began = time.monotonic()
        subprocess.run(["cp", "-a", kept, root / f"copy-{number}"], check=True)
        copies.append(time.monotonic() - began)
        shutil.rmtree(root / f"copy-{number}")
    copy = statistics.median(copies)
    return {
        "files": files,
        "how": "overlay" if store.overlay else "copies",
        "first attempt, s": round(first, 2),
        "second attempt, s": round(second, 3),
        "cp -a, s": round(copy, 2),
        "second attempt to cp -a": round(second / copy, 3),
        "second attempt to first": round(second / first, 3),
    }


if __name__ == "__main__":
    sys.exit(main())
