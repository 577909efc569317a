"""A program that ends the ways Claude Code can end, written where a test wants it.

`write(directory, mode)` makes an executable called `claude`; the modes are the functions below.
It is a real process: exit codes, signals, floods and hangs are the operating system's own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path


def line(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def emit(**fields):
    line(json.dumps(fields, separators=(",", ":")))


def said(text="Working on it.", read=100, written=10):
    usage = {"input_tokens": read, "cache_read_input_tokens": 5, "output_tokens": written}
    content = [{"type": "text", "text": text}]
    emit(type="assistant", message={"id": text, "usage": usage, "content": content})


def result(**more):
    usage = {"input_tokens": 100, "cache_creation_input_tokens": 7, "output_tokens": 10}
    fields = {"subtype": "success", "is_error": False, "result": "All done.", "num_turns": 2}
    emit(type="result", **{**fields, "total_cost_usd": 0.25, "usage": usage, **more})


def ok():
    said()
    result()


def ok_but_exit_3():
    result()
    sys.exit(3)


def denied():
    denials = [{"tool_name": "Bash"}, {"tool_name": "Bash"}, {"tool_name": "WebFetch"}]
    result(permission_denials=denials)


def over_budget():
    result(subtype="error_max_budget_usd", is_error=True, result=None, errors=["Reached it"])
    sys.exit(1)


def out_of_turns():
    result(subtype="error_max_turns", is_error=True, result=None, num_turns=81)
    sys.exit(1)


def unheard_of():
    result(subtype="error_during_execution", is_error=True, result=None, errors=["Odd"])
    sys.exit(1)


def refused():
    result(is_error=True, api_error_status=401, result="API Error: 401 bad key")
    sys.exit(1)


def terminated():
    said()
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def bad_flag():
    sys.stderr.write("error: unknown option '--frobnicate'\n")
    sys.exit(1)


def silent():
    pass


def garbage():
    sys.stdout.buffer.write(bytes(range(256)) * 20 + b'\n{"type":"result"\n[1]\n{"a":1}\n')


def flood():
    for _ in range(500):
        line("y" * 99_999)
    result()
    for _ in range(50):
        line("y" * 99_999)


def hangs():
    said()
    time.sleep(600)


def hangs_after_its_result():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    said()
    result()
    time.sleep(600)


def prints_its_token():
    result(result="The token is " + os.environ["ANTHROPIC_AUTH_TOKEN"])


def tells_what_it_was_given():
    given = {"argv": sys.argv[1:], "env": dict(os.environ), "prompt": sys.stdin.read()}
    Path("given.json").write_text(json.dumps(given))
    result()


def write(directory: Path, mode) -> Path:
    """Make the executable; returns its path."""
    source = Path(__file__).read_text()
    program = directory / "claude"
    program.write_text(f"#!{sys.executable} -I\n{source}\n\n{mode.__name__}()\n")
    program.chmod(0o755)
    return program
