"""The interpreter that every container is given: an image need not have Python, nor our C library.

This process's own Python, its standard library and the shared libraries of both are copied once
below the home, with the loader that starts them. Started as `lib/loader --library-path lib
python/bin/python3`, they need nothing but a kernel, so they run in an image of Alpine too.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from damascus.errors import NoSandboxError
from damascus.removal import remove
from damascus.sandbox import framing, stop_signals, supervise, usage
from damascus.sandbox.containers import container_init, service_entry

INSIDE: Final = "/damascus/runtime"
PACKAGES: Final = "/damascus/packages"
LIBRARIES: Final = ".libraries"  # in a copy of packages: the shared libraries that they need
_OURS: Final = (container_init, service_entry, supervise, stop_signals, framing, usage)
_LEFT_OUT: Final = (
    *("__pycache__", "test", "tests", "site-packages", "dist-packages", "idlelib", "tkinter"),
    *("turtledemo", "ensurepip", "lib2to3", "pydoc_data", "config-*", "_tkinter*", "_test*"),
)
_LIST_SECONDS: Final = 30.0


def python(*options: str) -> list[str]:
    """The words that start the interpreter inside a container."""
    libraries = f"{INSIDE}/lib:{PACKAGES}/{LIBRARIES}"
    loader = [f"{INSIDE}/lib/loader", "--library-path", libraries]
    return [*loader, f"{INSIDE}/python/bin/python3", *options]


def first_process() -> list[str]:
    """The words of a container's first process."""
    return python("-I", "-S", f"{INSIDE}/{Path(container_init.__file__).name}")


def runtime(folder: Path) -> Path:
    """The directory in `folder` that holds it, made where it is missing. Raises NoSandboxError."""
    place = folder / f"runtime-{_key()}"
    if not place.is_dir():
        _make(place, _fill)
    return place


def packages(folder: Path) -> Path:
    """A copy of the packages that are installed beside Damascus. Raises NoSandboxError."""
    source = Path(sysconfig.get_paths()["purelib"])
    seen = source.stat()
    key = hashlib.sha256(f"{source} {seen.st_mtime_ns}".encode()).hexdigest()[:20]
    place = folder / f"packages-{key}"
    if not place.is_dir():
        _make(place, lambda staging: _fill_packages(source, staging))
    return place


def _fill_packages(source: Path, staging: Path) -> None:
    shutil.copytree(source, staging, symlinks=True, dirs_exist_ok=True)
    _copy_libraries(_libraries(staging.rglob("*.so*")), staging / LIBRARIES)


def _key() -> str:
    whole = hashlib.sha256(f"{sys.version} {_interpreter()}".encode())
    seen = _interpreter().stat()
    whole.update(f"{seen.st_size} {seen.st_mtime_ns}".encode())
    for module in _OURS:
        whole.update(Path(str(module.__file__)).read_bytes())
    return whole.hexdigest()[:20]


def _make(place: Path, fill: Callable[[Path], None]) -> None:
    """Make a directory by one rename: so it is there as a whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staging = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
    try:
        fill(staging)
        staging.chmod(0o755)
        with suppress(OSError):  # another worker was faster
            staging.rename(place)
    except OSError as error:
        raise NoSandboxError(
            f"what every container needs cannot be written to {place.parent}: "
            f"{error.strerror or error}"
        ) from error
    finally:
        remove(staging)


def _fill(staging: Path) -> None:
    interpreter = _interpreter()
    standard = Path(sysconfig.get_paths()["stdlib"])
    home = staging / "python" / "lib" / standard.name
    (staging / "python" / "bin").mkdir(parents=True)
    shutil.copy2(interpreter, staging / "python" / "bin" / "python3")
    shutil.copytree(standard, home, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    (home / "site-packages").mkdir()
    (home / "site-packages" / "worker.pth").write_text(f"{PACKAGES}\n", "utf-8")
    found = _libraries([interpreter, *home.glob("lib-dynload/*.so")])
    _copy_libraries(found, staging / "lib")
    shutil.copy2(_loader(interpreter), staging / "lib" / "loader")
    for module in _OURS:
        shutil.copy2(str(module.__file__), staging)


def _interpreter() -> Path:
    base: str | None = getattr(sys, "_base_executable", None)
    return Path(base or sys.executable).resolve()


def _loader(program: Path) -> Path:
    """The loader that a program names: the interpreter of its format."""
    data = program.read_bytes()
    head = data.find(b"/lib")
    while head >= 0:
        name = data[head : data.index(b"\0", head)]
        if b"/ld-" in name and os.path.isfile(name):  # noqa: PTH113 - bytes
            return Path(os.fsdecode(name)).resolve()
        head = data.find(b"/lib", head + 1)
    raise NoSandboxError(
        f"containers cannot be supervised by this Python: {program} is not started by a loader"
    )


def _libraries(files: Iterable[Path]) -> dict[str, Path]:
    """The shared libraries that these files need, by name, as the loader finds them here."""
    loader = _loader(_interpreter())
    found: dict[str, Path] = {}
    for file in files:
        done = subprocess.run(
            [loader, "--list", file],
            capture_output=True,
            text=True,
            timeout=_LIST_SECONDS,
            check=False,
        )
        for line in done.stdout.splitlines():
            name, arrow, rest = line.strip().partition(" => ")
            if arrow and rest.startswith("/"):
                found.setdefault(name, Path(rest.rpartition(" (")[0] or rest))
    return found


def _copy_libraries(found: dict[str, Path], place: Path) -> None:
    place.mkdir()
    for name, path in found.items():
        shutil.copy2(path, place / Path(name).name)
