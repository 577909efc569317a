"""The coding agents as the tests start them: real, with a scripted model behind them.

`DAMASCUS_TEST_CLAUDE` names Claude Code's program where it is not on the PATH.
"""

from __future__ import annotations

import os
import shutil
import socket

import pytest

from damascus.builders.claude import ClaudeCode
from damascus.demo.model_script import Act, Done, steps
from damascus.errors import SandboxError
from damascus.sandbox import Plain, detect
from support.agents import PATH, HoldingFence, workspace

CLAUDE = os.environ.get("DAMASCUS_TEST_CLAUDE") or shutil.which("claude") or ""
KEY = "sk-canary-8d1f0c"
FILES = {"hello.txt": "hello\n", "old.txt": "new\n", "deep/er.txt": "no newline"}
WORK = steps(Act(FILES), Done("I wrote three files."))
FENCE = HoldingFence()


@pytest.fixture(scope="module")
def bubblewrap():
    try:
        return detect("bubblewrap", path=PATH)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture(params=["bubblewrap", "plain"])
def sandbox(request):
    return Plain() if request.param == "plain" else request.getfixturevalue("bubblewrap")


@pytest.fixture
def place(tmp_path):
    return workspace(tmp_path / "attempt")


def claude(base_url, program=CLAUDE, **more):
    more = {"max_retries": 0, "grace": 1.0, **more}
    return ClaudeCode(
        str(program), base_url=base_url, auth_token=KEY, model="demo", path=PATH, **more
    )


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
