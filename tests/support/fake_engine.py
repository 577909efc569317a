"""A container engine that owns its state: a program `docker` without a daemon or a kernel.

    python fake_engine.py STATE WORDS…

STATE is a directory. `images.json` holds the images that are here, `registry.json` those that can
be pulled; `calls` gets one JSON line for each call; `hangs` and `fails` hold a word: the command
that never answers, or that fails. A container is its first process, run as a process of this
machine, with what is mounted found at its source.
"""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from pathlib import Path

INIT = (
    "import sys; sys.path.insert(0, {folder!r}); import container_init; "
    "container_init.SOCKET = 's'; container_init.main()"
)


class Engine:
    """What the program keeps between its calls."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def read(self, name: str, missing: object) -> object:
        file = self.state / name
        return json.loads(file.read_text()) if file.exists() else missing

    def image(self, name: str) -> dict[str, object] | None:
        images = self.read("images.json", {})
        return next((one for key, one in images.items() if name in (key, one["Id"])), None)

    def container(self, name: str) -> Path:
        return self.state / "containers" / name


def say(said: str) -> None:
    sys.stdout.write(f"{said}\n")


def fail(said: str) -> None:
    sys.exit(f"Error: {said}")


def info(engine: Engine, _words: list[str]) -> None:
    said = {
        "ServerVersion": "0.fake",
        "SecurityOptions": [],
        "MemoryLimit": True,
        "PidsLimit": True,
    }
    say(json.dumps(engine.read("info.json", said)))


def image(engine: Engine, words: list[str]) -> None:
    found = engine.image(words[-1])
    say(json.dumps(found)) if found else fail(f"No such image: {words[-1]}")


def pull(engine: Engine, words: list[str]) -> None:
    there = engine.read("registry.json", {})
    if words[-1] not in there:
        fail(f"manifest for {words[-1]} not found")
    images = {**engine.read("images.json", {}), words[-1]: there[words[-1]]}
    (engine.state / "images.json").write_text(json.dumps(images))


def create(_engine: Engine, _words: list[str]) -> None:
    say("created")


def cp(_engine: Engine, _words: list[str]) -> None:
    data = b"root:x:0:0:root:/root:/bin/sh\n"
    member = tarfile.TarInfo("passwd")
    member.size = len(data)
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        archive.addfile(member, io.BytesIO(data))


def run(engine: Engine, words: list[str]) -> None:
    options, argv = taken_apart(words)
    if not engine.image(argv[0]):
        fail(f"Unable to find image '{argv[0]}' locally")
    mounts = {
        one["dst"]: one["src"] for one in map(mount, options.get("--mount", [])) if "src" in one
    }

    def here(word: str) -> str:
        for inside, source in sorted(mounts.items(), reverse=True):
            word = word.replace(inside, source)
        return word

    whole = [here(word) for word in [*options["--entrypoint"], *argv[1:]]]
    if "--detach" not in options:
        sys.exit(subprocess.run(whole, check=False).returncode)
    place = engine.container(options["--name"][0])
    place.mkdir(parents=True)
    (place / "labels").write_text("\n".join(options.get("--label", [])))
    whole[-1:] = ["-c", INIT.format(folder=mounts["/damascus/runtime"])]
    process = subprocess.Popen(
        whole,
        stdin=subprocess.DEVNULL,
        stdout=(place / "log").open("wb"),
        stderr=subprocess.STDOUT,
        cwd=mounts["/damascus/run"],  # the path of a socket must be short
        start_new_session=True,
    )
    (place / "pid").write_text(str(process.pid))
    say("0123456789ab")


def taken_apart(words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    options: dict[str, list[str]] = {}
    alone = {"--detach", "--read-only", "--no-healthcheck", "--rm"}
    words = list(words)
    while words and words[0].startswith("--"):
        name = words.pop(0)
        options.setdefault(name, []).extend([] if name in alone else [words.pop(0)])
    return options, words


def mount(text: str) -> dict[str, str]:
    fields = next(csv.reader([text]))
    return dict(field.partition("=")[::2] for field in fields)


def alive(place: Path) -> bool:
    with suppress(OSError, ValueError):
        stat = Path("/proc", (place / "pid").read_text(), "stat").read_text()
        return stat.rpartition(")")[2].split()[0] not in "ZX"
    return False


def inspect(engine: Engine, words: list[str]) -> None:
    place = engine.container(words[-1])
    if not place.is_dir():
        fail(f"No such container: {words[-1]}")
    say("true" if alive(place) else "false")


def logs(engine: Engine, words: list[str]) -> None:
    sys.stdout.write((engine.container(words[-1]) / "log").read_text())


def ps(engine: Engine, words: list[str]) -> None:
    wanted = words[words.index("--filter") + 1].removeprefix("label=")
    for place in sorted((engine.state / "containers").iterdir()):
        if wanted in (place / "labels").read_text().splitlines():
            say(place.name)


def rm(engine: Engine, words: list[str]) -> None:
    place = engine.container(words[-1])
    if not place.is_dir():
        fail(f"No such container: {words[-1]}")
    with suppress(OSError, ValueError):
        os.kill(int((place / "pid").read_text()), signal.SIGKILL)
    for file in place.iterdir():
        file.unlink()
    place.rmdir()


def main(state: Path, words: list[str]) -> None:
    with (state / "calls").open("a") as calls:
        calls.write(json.dumps(words) + "\n")
    engine = Engine(state)
    for name in ("hangs", "fails"):
        file = state / name
        if file.exists() and file.read_text() == words[0]:
            if name == "hangs":
                time.sleep(600)
            fail("the disk of the engine is full")
    globals()[words[0]](engine, words[1:])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
