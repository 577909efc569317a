"""Runs mini-swe-agent once, without questions, through its public API.

A program of its own, started by path as `python -I mini_runner.py JOB` in the checkout; the task
comes on standard input, JOB is a JSON object (see `mini.py`). Its own command line would do, but
it looks for its configuration in the working directory first, which is the repository's, and its
trajectory would hold the key. Exit status 0: the agent ended by itself, well or not (the
trajectory says how); 1: the model or something else failed.

`-I` keeps modules that lie in the repository from being imported.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_DUMPABLE = 4
ANSWER_CAP = 4000  # characters shown of what a command printed


def main() -> int:
    """Read the job, run the agent, leave the trajectory behind."""
    job: dict[str, Any] = json.loads(sys.argv[1])
    task = sys.stdin.read()
    key = read_once(job["key_file"])
    # The agent's commands run as the same user: this keeps them out of our memory.
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    # LiteLLM builds some 10^5 objects that stay; not looking for garbage saves a quarter of 3 s.
    gc.disable()
    agent = assemble(job, key)
    gc.freeze()
    gc.enable()
    try:
        ended = agent.run(task)
    except Exception as error:  # noqa: BLE001 - whatever it is, the trajectory holds it
        sys.stdout.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(f"{ended.get('exit_status')}\n")
    return 0


def read_once(name: str | None) -> str | None:
    """Return what a file holds, and remove it before anybody else can look.

    Not the environment: the sandbox's own first process keeps that for all to read.
    """
    if name is None:
        return None
    file = Path(name)
    text = file.read_text("utf-8")
    file.unlink()
    return text


def assemble(job: dict[str, Any], key: str | None) -> Any:
    """Put the agent together from mini-swe-agent's own configuration and the job."""
    import litellm  # noqa: PLC0415 - slow: after the garbage collector was stopped
    from minisweagent import config  # noqa: PLC0415 - it imports litellm
    from minisweagent.agents.default import DefaultAgent  # noqa: PLC0415 - as above
    from minisweagent.environments.local import LocalEnvironment  # noqa: PLC0415 - as above
    from minisweagent.models.litellm_model import LitellmModel  # noqa: PLC0415 - as above

    litellm.api_key = key  # not among the model's arguments: those are written to the trajectory
    litellm.suppress_debug_info = True
    if job["price"]:
        litellm.register_model({job["model"]: job["price"]})
    untyped: Any = config
    defaults: Any = untyped.get_config_from_spec(config.builtin_config_dir / "mini.yaml")
    model: Any = {**defaults["model"], **job["model_settings"]}
    model["model_kwargs"] = {**defaults["model"].get("model_kwargs", {}), **job["model_kwargs"]}
    local: Any = {
        **defaults["environment"],
        "cwd": str(Path.cwd()),
        "timeout": job["command_seconds"],
    }
    agent: Any = {**defaults["agent"], **job["agent"]}

    untold: Any = DefaultAgent

    class Telling(untold):
        """Says what happens as it happens, where the agent itself only writes it down."""

        def add_messages(self, *messages: Any) -> Any:
            for message in messages:
                tell(message)
            return super().add_messages(*messages)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - the class is untyped here

    return Telling(LitellmModel(**model), LocalEnvironment(**local), **agent)


def tell(message: Any) -> None:
    """Write what the agent says and does, and what it is answered; the task is known already."""
    content = message.get("content")
    text = content if isinstance(content, str) else json.dumps(content, default=str)
    match message.get("role"):
        case "assistant":
            lines = [text] if content else []
            actions = message.get("extra", {}).get("actions", [])
            lines += [f"$ {action.get('command')}" for action in actions]
        case "tool":
            shown = text[:ANSWER_CAP] + (" …" if len(text) > ANSWER_CAP else "")
            lines = [f"  {line}" for line in shown.splitlines()]
        case _:
            lines = []
    if lines:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
