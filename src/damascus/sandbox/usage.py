"""Measures the memory, disk and files that processes and directories use.

Standard library only, and no pathlib: the supervisor, which is a program of its own for every
command, is up twice as soon without it.
"""
# ruff: noqa: PTH110, PTH116, PTH123, PTH208 - see above

from __future__ import annotations

import os
import resource
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

LOOK_EVERY: Final = 1.0  # seconds between two looks at what a command uses
SLICE: Final = 0.05  # seconds for which a look at its files may hold up everything else
SELDOM: Final = 30  # a look that took long is taken again after this many times as long


def processes() -> dict[int, tuple[int, bool, int]]:
    """Every process as pid -> (parent, alive, resident bytes). Empty where there is no /proc."""
    found: dict[int, tuple[int, bool, int]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            with suppress(OSError, IndexError, ValueError):
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
                # A zombie with more than one thread is one whose main thread alone has ended.
                alive = fields[0] not in b"ZX" or int(fields[17]) > 1
                found[int(name)] = (int(fields[1]), alive, int(fields[21]) * resource.getpagesize())
    return found


def kills_for_memory() -> int:
    """How many processes the kernel has killed because memory ran out; 0 where it does not say."""
    with suppress(OSError, ValueError, IndexError), open("/proc/vmstat", "rb") as file:
        for line in file:
            if line.startswith(b"oom_kill "):
                return int(line.split()[1])
    return 0


def descendants(root: int) -> dict[int, int]:
    """Everything alive below `root`, parents first: pid -> resident bytes."""
    table = processes()
    children: dict[int, list[int]] = {}
    for pid, (parent, _, _) in table.items():
        children.setdefault(parent, []).append(pid)
    found: dict[int, int] = {}
    todo = [root]
    while todo:
        below = children.get(todo.pop(), [])
        todo += below
        found.update({pid: table[pid][2] for pid in below if table[pid][1]})
    return found


def memory(resident: dict[int, int]) -> int:
    """Return the bytes that the processes use; shared memory is divided among them.

    `resident` counts that for each of them; it is what is taken where the kernel says no more.
    """
    return sum(_share(pid, most) for pid, most in resident.items())


def _share(pid: int, most: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = [line.split() for line in file]
    except ProcessLookupError:
        return 0  # it has just ended
    except OSError:
        return most if os.path.exists(f"/proc/{pid}") else 0
    return sum(int(words[1]) << 10 for words in lines if words[0] in (b"Pss:", b"SwapPss:"))


def files(places: Iterable[str]) -> Iterator[os.stat_result]:
    """Yield everything in the directories; links are not followed."""
    todo = list(places)
    while todo:
        with suppress(OSError), os.scandir(todo.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    yield found
                    if stat.S_ISDIR(found.st_mode):
                        todo.append(entry.path)


def held_open(pids: Iterable[int]) -> Iterator[os.stat_result]:
    """Yield the deleted files that the processes still hold open."""
    for pid in pids:
        with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat()
                    if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                        yield found


class Disk:
    """Measures a command's directories in small steps; large directories less often.

    They may hold `most` bytes and `count` files; and what is new in them may take no more than nine
    tenths of what was free on their disks at the start. A `count` or `most` of 0 is no bound.
    """

    def __init__(self, places: Iterable[str], *, most: int, count: int) -> None:
        self._places = list(places)
        self._most = most or sys.maxsize
        self._count = count or sys.maxsize
        self._disks = set[int]()
        for place in self._places:
            with suppress(OSError):
                self._disks.add(os.stat(place).st_dev)
        self._free = self._left()
        self._room = self._free // 10 * 9
        self._before: int | None = None  # bytes they held at the first look
        self._used = 0
        self._earliest = self._due = 0.0
        self._walk: Iterator[str] | None = None

    def look(self, pids: Iterable[int]) -> str:
        """Go on looking for a moment; says what there is too much of, or nothing.

        `pids` are processes that may hold files open which no directory has any more.
        """
        now = time.monotonic()
        if self._walk is None:
            # A disk that fills quickly is a reason to look at once, whoever fills it.
            hurry = self._free - self._left() > (min(self._most, self._room) - self._used) // 2
            if not self._places or now < (self._earliest if hurry else self._due):
                return ""
            self._walk = self._look_at_all(list(pids))
        for said in self._walk:
            if said or time.monotonic() - now > SLICE:
                return said
        self._walk = None
        return ""

    @property
    def looking(self) -> bool:
        """Whether a look has begun and not ended."""
        return self._walk is not None

    def _left(self) -> int:
        """Bytes that are free where it is least."""
        free = [sys.maxsize]
        for place in self._places:
            with suppress(OSError):
                found = os.statvfs(place)
                free.append(found.f_bavail * found.f_frsize)
        return min(free)

    def _look_at_all(self, pids: Iterable[int]) -> Iterator[str]:
        """Count everything once; yields after each what there is too much of, or nothing."""
        began, free = time.monotonic(), self._left()
        used = number = 0
        linked = set[tuple[int, int]]()
        for one in self._all(pids):
            if one.st_nlink > 1 and not stat.S_ISDIR(one.st_mode):
                key = (one.st_dev, one.st_ino)
                if key in linked:
                    continue
                linked.add(key)
            used += one.st_blocks * 512
            number += 1
            new = 0 if self._before is None else used - self._before
            if used > self._most or new > self._room:
                yield f"its files took more than {used >> 20} MiB of the disk"
            elif number > self._count:
                yield f"it had more than {self._count} files"
            else:
                yield ""
        self._free, self._used = free, used
        self._before = used if self._before is None else self._before
        ended = time.monotonic()
        self._earliest = ended + 2 * (ended - began)
        self._due = ended + max(LOOK_EVERY, SELDOM * (ended - began))

    def _all(self, pids: Iterable[int]) -> Iterator[os.stat_result]:
        yield from files(self._places)
        for one in held_open(pids):
            if one.st_dev in self._disks:
                yield one
