"""The system calls that no command in bubblewrap may make, as a program for the kernel's filter.

It refuses what Docker's default profile refuses: key rings, which no namespace separates; bpf,
perf, io_uring and userfaultfd, through which most escapes of the last years went; new namespaces,
in which a process would be root again; mounts, modules, clocks, swap and the like. All else is
permitted, and ptrace too: a command sees no processes but its own, and sanitizers need it.

The program is classic BPF, written by hand: a library would bring a compiled part of its own, and
the kernel's format has not changed since 2012. `seccomp(2)` and `linux/filter.h` describe it.
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from typing import Final

# Numbers of x86_64 and aarch64; None where the architecture has no such call.
_Numbers = tuple[int | None, int | None]
REFUSED: Final[dict[str, _Numbers]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "get_mempolicy": (239, 236),
    "init_module": (175, 105),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mbind": (237, 235),
    "migrate_pages": (256, 238),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "set_mempolicy": (238, 237),
    "set_mempolicy_home_node": (450, 450),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "sysfs": (139, None),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
# Said not to be there at all, so that a program takes its other way instead of giving up. The flags
# of clone3 lie in memory, where a filter cannot look: clone takes its place.
ABSENT: Final[dict[str, _Numbers]] = {
    "clone3": (435, 435),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
}
# Refused for some values of their first argument.
_CLONE: Final[_Numbers] = (56, 220)
_UNSHARE: Final[_Numbers] = (272, 97)
_SOCKET: Final[_Numbers] = (41, 198)
NAMESPACES: Final = 0x7E02_0000  # CLONE_NEW…: mount, cgroup, uts, ipc, user, pid, net
NEW_TIME: Final = 0x80  # for unshare; clone has its signal there
VSOCK: Final = 40  # sockets to the host of a virtual machine: no namespace separates them

_MACHINES: Final = {"x86_64": (0, 0xC000_003E), "aarch64": (1, 0xC000_00B7)}  # and AUDIT_ARCH_…
_X32: Final = 0x4000_0000  # the bit of x86_64's third set of numbers

# Instructions: load a word, compare, test bits, return.
_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06
# Where the call's number, its architecture, and the lower half of its first argument lie.
_NUMBER: Final = 0
_ARCH: Final = 4
_FIRST: Final = 16
_KILL: Final = 0x8000_0000
_ALLOW: Final = 0x7FFF_0000
_ERROR: Final = 0x0005_0000
_MOST_JUMP: Final = 255


@dataclass(frozen=True, slots=True)
class _Check:
    """Refuse call `number` with `error`: always, or where the first argument matches."""

    number: int
    error: int
    equal: int | None = None
    bits: int | None = None


def program(machine: str | None = None) -> bytes | None:
    """The filter for a machine (default: this one), for bwrap's --seccomp; None if not known."""
    known = _MACHINES.get(machine or platform.machine())
    if known is None:
        return None
    column, arch = known
    code = [
        _say(_LOAD, _ARCH),
        _say(_EQUAL, arch, yes=1),
        _say(_RETURN, _KILL),  # calls of another architecture would have other numbers
        _say(_LOAD, _NUMBER),
    ]
    if column == 0:
        code += [_say(_AT_LEAST, _X32, no=1), _say(_RETURN, _ERROR | errno.ENOSYS)]
    for check in _checks(column):
        code += _refusal(check)
    return b"".join([*code, _say(_RETURN, _ALLOW)])


def _checks(column: int) -> list[_Check]:
    found = [
        _Check(_of(_CLONE, column), errno.EPERM, bits=NAMESPACES),
        _Check(_of(_UNSHARE, column), errno.EPERM, bits=NAMESPACES | NEW_TIME),
        _Check(_of(_SOCKET, column), errno.EAFNOSUPPORT, equal=VSOCK),
    ]
    for calls, error in ((REFUSED, errno.EPERM), (ABSENT, errno.ENOSYS)):
        found += [
            _Check(number, error) for both in calls.values() if (number := both[column]) is not None
        ]
    return found


def _of(both: _Numbers, column: int) -> int:
    number = both[column]
    if number is None:
        raise ValueError("every architecture has this call")
    return number


def _refusal(check: _Check) -> list[bytes]:
    """The instructions for one call; the number is in the register before and after."""
    refuse = _say(_RETURN, _ERROR | check.error)
    if check.equal is None and check.bits is None:
        return [_say(_EQUAL, check.number, no=1), refuse]
    test = (
        _say(_EQUAL, check.equal, no=1)
        if check.equal is not None
        else _say(_ANY_BIT, check.bits or 0, no=1)
    )
    return [
        _say(_EQUAL, check.number, no=4),
        _say(_LOAD, _FIRST),
        test,
        refuse,
        _say(_LOAD, _NUMBER),
    ]


def _say(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One `struct sock_filter`: what to do, how many to pass over, and a value."""
    return struct.pack("HBBI", code, yes, no, value)
