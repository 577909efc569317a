"""Lays private layers over read-only directories, then becomes the sandbox.

Run as `python -I -S overlay.py LAYERS ARGV…` with the standard library only. LAYERS is a JSON list
of [lower, upper, work, target]. The mounts are made in a user and a mount namespace of this process
alone, so that no right is needed on the machine and nothing is left when the last process ends;
whoever it becomes inherits them.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from damascus.ports import Layer

CLONE_NEWNS: Final = 0x0002_0000
CLONE_NEWUSER: Final = 0x1000_0000
MS_REC_PRIVATE: Final = 0x4000 | 0x4_0000
FAILED: Final = 1


def wrap(layers: Sequence[Layer], argv: Sequence[str]) -> list[str]:
    """The argv that lays `layers` and then becomes `argv`; `argv` itself where there are none."""
    laid = [
        [str(one.lower), str(one.upper), str(one.work), str(one.target)]
        for one in layers
        if one.lower is not None
    ]
    if not laid:
        return list(argv)
    return [sys.executable, "-I", "-S", os.path.realpath(__file__), json.dumps(laid), *argv]


def call(what: str, result: int) -> None:
    """Raise OSError, which says what was tried, for a failed call of the C library."""
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def escaped(path: str) -> str:
    """A path as the options of a mount take it."""
    return path.replace("\\", "\\\\").replace(",", "\\,").replace(":", "\\:")


def main(layers: list[list[str]], argv: list[str]) -> NoReturn:
    """Lay every layer, then run the command in this process's place."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    try:
        call("unshare", libc.unshare(CLONE_NEWUSER | CLONE_NEWNS))
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib doubles the start-up time
                file.write(text)
        call("mount", libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None))
        for lower, upper, work, target in layers:
            places = zip(("lowerdir", "upperdir", "workdir"), (lower, upper, work), strict=True)
            options = ",".join(f"{name}={escaped(path)}" for name, path in places) + ",userxattr"
            call(
                f"mount of an overlay on {target}",
                libc.mount(b"overlay", os.fsencode(target), b"overlay", 0, os.fsencode(options)),
            )
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is the point
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
    sys.exit(FAILED)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
