"""The import of LiteLLM: once per process, however many threads need it first.

It takes 5 to 8 seconds, more on a busy machine, and about 1,500 modules. Python alone does not make
that safe. Its import lock lets a thread that waited have the half-made module when the import
failed in the thread that held it ("module 'litellm' has no attribute 'completion'"), and a few
thousand imports meet other threads' imports on the way, which Python resolves by handing one of
them an unfinished module. So one thread imports, a failed import is cleared away and tried once
more, and the others wait for the whole module.

A process must not wait for it to end either. Python hangs at exit when a daemon thread holds import
then (nine minutes were seen), so an import that still runs is broken off first. One module may take
long where the processor is busy: a command that has waited a moment for it then leaves without the
interpreter's own end.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any, Final

_NAME: Final = "litellm"
_END_SECONDS: Final = 3.0  # for the module being executed when the process ends


class _BrokenOff(BaseException):
    """Ends the importing thread; not an Exception, so that no `except` on the way keeps it."""


class _OneImport:
    """One import by one thread, and the event that others wait for."""

    def __init__(self) -> None:
        self.module: Any = None
        self.error: BaseException | None = None
        self.done = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="litellm-import", daemon=True)

    def start(self) -> None:
        self._thread.start()
        atexit.register(self.break_off)

    def break_off(self) -> bool:
        """End the import at its next module, wait a moment for that; whether it has ended."""
        self._ending.set()
        self._thread.join(_END_SECONDS)
        return not self._thread.is_alive()

    def find_spec(self, *_: object) -> None:
        """Find nothing: as the first finder, be asked before each module is loaded."""
        if self._ending.is_set() and threading.current_thread() is self._thread:
            raise _BrokenOff

    def _run(self) -> None:
        sys.meta_path.insert(0, self)
        try:
            with _without_garbage_collection():
                self.module = self._import()
        except BaseException as error:  # noqa: BLE001 - handed to the threads that wait
            self.error = error
        finally:
            sys.meta_path.remove(self)
            self.done.set()
            atexit.unregister(self.break_off)

    def _import(self) -> Any:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        os.environ["LITELLM_MODE"] = "PRODUCTION"
        try:
            module = _whole()
        except Exception:  # noqa: BLE001 - a circle with another thread's imports; gone by now
            _forget_parts()
            module = _whole()
        module.telemetry = False
        module.suppress_debug_info = True
        logging.getLogger("LiteLLM").setLevel(logging.WARNING)  # it logs every call otherwise
        return module


@contextmanager
def _without_garbage_collection() -> Generator[None]:
    """Look for no garbage meanwhile: the import builds some 10^5 objects, and all of them stay.

    Each look goes through all that are there already: with them it takes 2.4 seconds of processor
    time, without 1.8. And what stays is not looked at again, by which the process ends 0.9 seconds
    of processor time sooner.
    """
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if collected:
            gc.enable()


def _whole() -> Any:
    module: Any = importlib.import_module(_NAME)
    _ = module.completion  # fails on what a circle of imports left unfinished
    return module


def _forget_parts() -> None:
    """Remove what a failed import left: its submodules hold on to the unfinished module."""
    for name in list(sys.modules):
        if name == _NAME or name.startswith(f"{_NAME}."):
            del sys.modules[name]


_lock = threading.Lock()
_current: _OneImport | None = None


def preload() -> None:
    """Begin the import in the background, unless it was begun. Returns at once; never raises."""
    _begun()


def end_process(code: int) -> None:
    """End this process with `code`, at once, when an import runs that cannot be broken off.

    Returns otherwise. What is buffered is written; nothing else that waits for the end is done.
    """
    if _current is None or _current.done.is_set() or _current.break_off():
        return
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
    os._exit(code)


def load() -> Any:
    """Return LiteLLM, offline, quiet and without having read `.env` files.

    Waits for an import that runs. Raises what the import raised; the next call tries again.
    """
    one = _begun()
    one.done.wait()
    if one.error is not None:
        raise one.error
    return one.module


def _begun() -> _OneImport:
    global _current  # noqa: PLW0603 - a module is imported once per process
    with _lock:
        if _current is None or _current.error is not None:
            _current = _OneImport()
            _current.start()
        return _current
