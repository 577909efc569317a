"""LiteLLM is imported once, whole or not at all, and never holds up the end of a process.

Most tests here import a package that stands in for it, in forks of one fresh process: the real one
takes six seconds of processor time, so it is imported once.
"""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

THREADS = """
    import os, sys, threading, traceback
    from damascus import litellm_import
    from damascus.llm import LiteLLM
    from damascus.errors import LLMUnreachableError
    from damascus.ports.ledgers import NoLedger

    def together(act, many=8):
        start, faults = threading.Barrier(many), []

        def one(number):
            start.wait()
            try:
                act(number)
            except BaseException as error:
                faults.append(f"{type(error).__name__}: {error}")

        threads = [threading.Thread(target=one, args=(number,)) for number in range(many)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return faults

    def in_forks(act, times=50):
        for _ in range(times):
            child = os.fork()
            if child == 0:
                faults = together(act)
                print("\\n".join(faults), file=sys.stderr, flush=True)
                os._exit(bool(faults))
            status = os.waitpid(child, 0)[1]
            if status:
                sys.exit(1)

    def ask(number):
        model = LiteLLM("m", None, "k", retries=0)
        model.complete(system="s", prompt="p", max_tokens=9, ledger=NoLedger())
"""

ANSWER = """
    from types import SimpleNamespace as N

    def completion(**_):
        choice = N(message=N(content="Hello."), finish_reason="stop")
        return N(choices=[choice], usage=None)
"""


def program(place: Path, code: str) -> list[str]:
    path = place / "program.py"
    path.write_text(textwrap.dedent(THREADS) + textwrap.dedent(code), "utf-8")
    return [sys.executable, str(path)]


def succeeds(place: Path, code: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        program(place, code),
        env=environment,
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def stand_in(place: Path, start: str, **modules: str) -> dict[str, str]:
    """Write a package `litellm` that does `start` before it has any attribute."""
    package = place / "litellm"
    package.mkdir()
    init = textwrap.dedent(start) + textwrap.dedent(ANSWER)
    (package / "__init__.py").write_text(init, "utf-8")
    for name, code in modules.items():
        (place / f"{name}.py").write_text(textwrap.dedent(code), "utf-8")
    return {**os.environ, "PYTHONPATH": str(place)}


def test_eight_threads_meet_a_whole_module_fifty_times(tmp_path):
    environment = stand_in(tmp_path, "import time; time.sleep(0.01)")
    succeeds(tmp_path, "in_forks(ask)", environment)


def test_an_import_that_fails_in_one_thread_leaves_no_half_of_it_to_the_others(tmp_path):
    start = """
        import sys, time
        time.sleep(0.01)
        if not hasattr(sys, "tried"):
            sys.tried = True
            raise KeyError("the import lock")
    """
    succeeds(tmp_path, "in_forks(ask)", stand_in(tmp_path, start))


def test_a_circle_with_what_other_threads_import_is_no_fault(tmp_path):
    """Python breaks such a circle by giving one of the two threads an unfinished module."""
    environment = stand_in(
        tmp_path,
        "import time; from east import sun",
        east="import time; time.sleep(0.01); import west; sun = 1",
        west="import time; time.sleep(0.01); import east; moon = 1",
    )
    code = """
        def act(number):
            if number == 0:
                import west
            else:
                ask(number)

        in_forks(act)
    """
    succeeds(tmp_path, code, environment)


def test_what_cannot_be_imported_is_said_to_every_thread_and_tried_again(tmp_path):
    environment = stand_in(tmp_path, "import os; assert os.path.exists('there'), 'not there'")
    code = """
        def refused(number):
            try:
                ask(number)
            except LLMUnreachableError as error:
                assert "not there" in str(error), error
            else:
                raise AssertionError("it was imported")

        faults = together(refused)
        open("there", "w").close()
        faults += together(ask)
        sys.exit("\\n".join(faults) or 0)
    """
    succeeds(tmp_path, code, environment)


def test_no_garbage_is_looked_for_while_it_is_imported_and_all_is_as_before_afterwards(tmp_path):
    environment = stand_in(
        tmp_path,
        "import gc; assert not gc.isenabled(); assert not __import__('os').path.exists('x')",
    )
    code = """
        import gc

        open("x", "w").close()
        ask_one = together(ask, 1)
        assert ask_one, "the import was to fail"
        assert gc.isenabled()
        os.remove("x")
        assert not together(ask)
        assert gc.isenabled()
        assert "litellm" in sys.modules
    """
    succeeds(tmp_path, code, environment)


@pytest.mark.parametrize("end", ["return", "SIGTERM"])
def test_a_process_ends_while_the_import_runs(tmp_path, end):
    """Unless it is broken off, the import takes minutes; the test's own limit would end it."""
    start = """
        import importlib, sys, time
        print("importing\\n", end="", flush=True)
        for number in range(10_000):
            time.sleep(0.02)
            try:
                importlib.import_module(f"nowhere_{number}")
            except ImportError:
                pass
        open("whole", "w").close()
    """
    environment = stand_in(tmp_path, start)
    code = """
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        litellm_import.preload()
        if "SIGTERM" in sys.argv:
            signal.pause()
        import time
        while "litellm" not in sys.modules:
            time.sleep(0.01)
    """
    with subprocess.Popen(
        [*program(tmp_path, code), end],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        if end == "SIGTERM":
            process.send_signal(signal.SIGTERM)
        _, said = process.communicate()
    assert (process.returncode, said) == (0, "")
    assert not (tmp_path / "whole").exists()


def test_a_command_ends_while_a_module_of_the_import_takes_minutes(tmp_path):
    """Python's own end would wait for it: 600 seconds, which the test's own limit would end."""
    start = """
        import time
        print("importing\\n", end="", flush=True)
        end = time.monotonic() + 600
        while time.monotonic() < end:  # there is no import to be broken off at
            time.sleep(0.001)
        open("whole", "w").close()
    """
    environment = stand_in(tmp_path, start)
    code = """
        from damascus.cli import entry

        def command(_argv):
            litellm_import.preload()
            while "litellm" not in sys.modules:
                pass
            print("the command is done")
            return 143

        entry._main = command
        sys.exit(entry.main())
    """
    done = subprocess.run(
        program(tmp_path, code),
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (143, "")
    assert done.stdout.split("\n") == ["importing", "the command is done", ""]
    assert not (tmp_path / "whole").exists()


def test_the_real_litellm_is_whole_for_eight_threads_at_once(tmp_path):
    code = """
        def act(number):
            litellm = litellm_import.load()
            assert litellm.completion and litellm.exceptions

        sys.exit("\\n".join(together(act)) or 0)
    """
    succeeds(tmp_path, code)
