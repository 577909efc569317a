"""Writes what follows from the declared settings: a page, parts of two files for containers.

    python -m damascus.settings_reference docs/settings.md docker-compose.yml .env.example

Each service of `docker-compose.yml` lists the settings it needs between two comments, and the end
of `.env.example` names what its upper part does not. A setting that is declared as needed by a
process reaches its container without another edit.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from damascus import extensions
from damascus.config_sources import PREFIX, Process

# The processes that run in each service: people run commands in `orchestrator`.
SERVICES: dict[str, tuple[Process, ...]] = {
    "init": (Process.INIT,),
    "orchestrator": (Process.WORKER, Process.CLI),
    "scheduler": (Process.SCHEDULER,),
    "sidecar-status": (Process.SIDECAR,),
    "api": (Process.API,),
}
# What the compose file itself gives a value; all others are handed on where .env has them.
_VALUES = {
    "database_url": "${DAMASCUS_DATABASE_URL-postgresql://damascus:"
    "${DAMASCUS_DB_PASSWORD:-}@db:5432/damascus}",
    "redis_url": "${DAMASCUS_REDIS_URL-redis://:${DAMASCUS_REDIS_PASSWORD:-}@redis:6379/0}",
    "stale_claim_minutes": "${DAMASCUS_STALE_CLAIM_MINUTES:-3}",
    "max_concurrency": "${DAMASCUS_MAX_CONCURRENCY:-2}",
    "sandbox": "${DAMASCUS_SANDBOX:-bubblewrap}",
    "shutdown_grace_seconds": "${DAMASCUS_SHUTDOWN_GRACE_SECONDS:-20}",
}
# Not handed on: the image says where the home is, the commands where the API listens.
ELSEWHERE = frozenset({"home", "api_host", "api_port"})
_CONTAINERS = frozenset(process for each in SERVICES.values() for process in each)
_BLOCK = re.compile(
    r"(?P<begin> *# settings of (?P<service>[a-z-]+):[^\n]*\n).*?(?P<end> *# end of settings\n)",
    re.DOTALL,
)
_OTHERS = re.compile(
    r"(?P<begin># --- all other settings [^\n]*\n).*?(?P<end># --- end of settings ---\n)",
    re.DOTALL,
)
_HEAD = """# Settings

<!-- Written by `make docs` from the declarations; a test keeps it current. -->

Each is an environment variable, or a line of `.env` in the home directory (`DAMASCUS_HOME`, by
default `~/.local/share/damascus`), or of the file that `damascus --env-file FILE …` names in its
place. No `.env` is read from the directory one stands in: that may be a checkout that others write.
A variable with our prefix that is none of these stops every program, and the nearest name is told.

Where it says *secret*, the variable with `_FILE` at its end may name a file whose first line is the
value. Lists are JSON. `damascus config` shows every value and where it comes from. A process gets
what it needs and no more: `docker-compose.yml` is written from the last column.

| variable | default | what it is | needed by |
|---|---|---|---|
"""


def environment(service: str) -> Iterator[str]:
    """The lines of a service's environment, in the order of the declarations."""
    for one in extensions.declared():
        if one.name in ELSEWHERE or not set(one.processes) & set(SERVICES[service]):
            continue
        variable = PREFIX + one.name.upper()
        value = _VALUES.get(one.name)
        yield f"{variable}: {value}" if value else f"{variable}:"
        if one.secret:
            yield f"{variable}_FILE:"


def compose(text: str) -> str:
    """The compose file with the settings of every service as they are declared."""

    def block(found: re.Match[str]) -> str:
        indent = " " * (len(found["begin"]) - len(found["begin"].lstrip()))
        lines = "".join(f"{indent}{line}\n" for line in environment(found["service"]))
        return found["begin"] + lines + found["end"]

    return _BLOCK.sub(block, text)


def example(text: str) -> str:
    """`.env.example` with every setting that reaches a container, each once.

    What people wrote above the block stays as it is, and is left out of it.
    """
    by_hand = _OTHERS.sub("", text)
    lines: list[str] = []
    for one in extensions.declared():
        variable = PREFIX + one.name.upper()
        if one.name in ELSEWHERE or not set(one.processes) & _CONTAINERS:
            continue
        if not re.search(rf"^(?:# )?{variable}=", by_hand, re.MULTILINE):
            default = re.search(r":-([^}]*)}", _VALUES.get(one.name, ""))
            value = default[1] if default else one.default.strip("`")
            lines += [f"# {one.help}", f"# {variable}={value}"]
    return _OTHERS.sub(lambda m: m["begin"] + "\n".join([*lines, ""]) + m["end"], text)


def page() -> str:
    """`docs/settings.md`."""
    rows: list[str] = []
    for one in extensions.declared():
        secret = "*secret.* " if one.secret else ""
        needed = ", ".join(one.processes)
        text = (secret + one.help).replace("|", "\\|")
        rows.append(f"| `{PREFIX}{one.name.upper()}` | {one.default} | {text} | {needed} |")
    return _HEAD + "\n".join(rows) + "\n"


def main(paths: list[str]) -> int:
    """Write the files."""
    settings, stack, env = (Path(path) for path in paths)
    settings.write_text(page(), "utf-8")
    stack.write_text(compose(stack.read_text("utf-8")), "utf-8")
    env.write_text(example(env.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
