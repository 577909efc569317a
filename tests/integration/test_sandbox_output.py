"""The sandboxes against real processes: what they write stays bounded."""

from __future__ import annotations

import threading
import tracemalloc

from damascus.sandbox import Bounds, Plain
from support.sandbox_world import OpenFence, place, python, sandbox, shell, until

# Pytest finds the fixtures by their names here.
__all__ = ["place", "sandbox"]


def test_a_file_cannot_grow_past_its_bound(place):
    sandbox = Plain(bounds=Bounds(file_bytes=1000))
    sandbox.run(shell(place, "head -c 100000 /dev/zero > big"))
    assert (place / "big").stat().st_size <= 1000


def test_nothing_dumps_core(sandbox, place):
    assert sandbox.run(shell(place, "ulimit -c")).output == "0\n"


def test_fifty_megabytes_of_output_stay_bounded(sandbox, place, tmp_path):
    log = tmp_path / "run.log"
    script = "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last"
    tracemalloc.start()
    try:
        ended = sandbox.run(shell(place, script, output_cap=100_000, log=log))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert ended.output.startswith("first\nxxx")
    assert ended.output.endswith("xxx\nlast\n")
    assert f"{50_000_012 - 100_000} bytes left out" in ended.output
    assert len(ended.output) < 100_100
    assert log.stat().st_size < 2_000_100
    assert log.read_bytes().startswith(b"first\nxxx")
    assert b"the log is full" in log.read_bytes()[-100:]


def test_output_that_is_not_text_becomes_text(sandbox, place):
    ended = sandbox.run(python(place, r"import os; os.write(1, b'a\xff\0b\xc3\xa9\n')"))
    assert ended.output == "a\N{REPLACEMENT CHARACTER}bé\n"


def test_the_log_grows_while_the_command_runs_and_later_runs_append(sandbox, place, tmp_path):
    log = tmp_path / "run.log"
    guard = OpenFence()
    seen = []

    def watch():
        seen.append(until(lambda: log.exists() and log.read_text() == "early\n"))
        guard.lose()

    log_watcher = threading.Thread(target=watch)
    log_watcher.start()
    sandbox.run(shell(place, "echo early; sleep 600", log=log), guard)
    log_watcher.join()
    sandbox.run(shell(place, "echo again", log=log))
    assert seen == [True]
    assert log.read_text() == "early\nagain\n"


def test_a_log_that_is_a_planted_link_is_not_followed(sandbox, place, tmp_path):
    target = tmp_path / "target"
    (tmp_path / "run.log").symlink_to(target)
    assert sandbox.run(shell(place, "echo x", log=tmp_path / "run.log")).output == "x\n"
    assert not target.exists()
