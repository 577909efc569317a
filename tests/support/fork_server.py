"""Forks programs of Damascus off one process that has imported everything, LiteLLM too.

    python -m support.fork_server FD

Most of the processor time of a short program goes into its imports: 0.3 s, and 2 s where a model is
asked. A forked program begins where `python -m MODULE …` stands after them. It has the arguments,
the environment, the directory, the open files, the session and the signals that such a process
would have, and ends with its exit code. Nothing but modules is shared: what they read of the
environment while they are imported is read again (`_as_new`).

FD is a socket. Each message on it is a job as JSON with four descriptors: the program's standard
input, output and error, and a socket that gets two lines, its process id and its exit status as
`subprocess` gives it. At the end of FD the server ends; the programs that it has forked run on.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import Any, NoReturn

DESCRIPTORS = 4
_LONGEST = 256 * 1024  # bytes of a job
# Programs of their own, for other interpreters or beside it.
_NOT_OURS = ("damascus.__main__", "damascus.demo.textkit", "damascus.evidence.hooks")


def main(fd: int) -> NoReturn:
    gc.disable()
    _import_all()
    gc.freeze()
    orders = socket.socket(fileno=fd)
    orders.set_inheritable(False)
    running: dict[int, socket.socket] = {}
    wake, waker = os.pipe()
    for end in (wake, waker):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([orders, wake], [], [])
        if wake in ready:
            with suppress(BlockingIOError):
                os.read(wake, 4096)
            _reap(running)
        if orders in ready:
            message, passed, _, _ = socket.recv_fds(orders, _LONGEST, DESCRIPTORS)
            if not message:
                os._exit(0)  # to take the modules apart would take a second
            told = socket.socket(fileno=passed[3])
            pid = os.fork()
            if pid == 0:
                for other in (orders, told, *running.values()):
                    other.close()
                os.close(wake)
                os.close(waker)
                become(json.loads(message), passed[:3])
            for one in passed[:3]:
                os.close(one)
            running[pid] = told
            _tell(told, pid)


def _import_all() -> None:
    import damascus  # noqa: PLC0415 - the server's own work
    from damascus import litellm_import  # noqa: PLC0415

    for module in pkgutil.walk_packages(damascus.__path__, "damascus."):
        if not module.name.startswith(_NOT_OURS):
            importlib.import_module(module.name)
    for name in ("support.fault_worker", "uvicorn.lifespan.on", "uvicorn.protocols.http.h11_impl"):
        importlib.import_module(name)
    litellm_import.load()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join()  # a fork would leave the locks that it holds locked for ever


def _reap(running: dict[int, socket.socket]) -> None:
    for pid in list(running):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            told = running.pop(pid)
            _tell(told, os.waitstatus_to_exitcode(status))
            told.close()


def _tell(told: socket.socket, number: int) -> None:
    with suppress(OSError):  # whoever started it has lost interest
        told.sendall(b"%d\n" % number)


def become(job: dict[str, Any], streams: list[int]) -> NoReturn:
    """Turn this forked process into the program of the job, to its end."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(job["env"])
    module, *words = job["argv"]
    sys.argv[:] = [module, *words]
    sys.path[0] = job["cwd"]
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.enable()
    code = _run(module)
    _finish()
    if code == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code)


def _run(module: str) -> int:
    """Run it as `python -m` does; returns its exit code, negative for a signal."""
    try:
        _as_new()
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _code_of(end.code)
    except BaseException as error:  # noqa: BLE001 - shown as the interpreter shows it
        traceback.print_exc()
        return -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _finish() -> None:
    """Do what the interpreter does at its end, but for taking all modules apart."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


def _as_new() -> None:
    """Read again what modules read of the environment when they are imported."""
    from damascus import crashpoints  # noqa: PLC0415

    crashpoints._armed = crashpoints.read(os.environ)


def _code_of(said: object) -> int:
    if said is None or isinstance(said, int):
        return int(said or 0) & 0xFF
    print(said, file=sys.stderr)  # noqa: T201 - as the interpreter does
    return 1


if __name__ == "__main__":
    main(int(sys.argv[1]))
