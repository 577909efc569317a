"""Removes directory trees that an agent wrote, whatever it put there.

Depth, number and names of the entries are the agent's to choose, and so are their modes. So no path
is ever put together, nothing recurses, and no list of entries is held: directories are opened one
within the other, and what lies deeper than `DEEPEST` is moved up to the top of the tree first. What
is mounted in the tree is somebody else's: it is taken off where that is allowed, and never entered.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import itertools
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEEPEST: Final = 32  # directories open at once
ENTER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What `chattr +i` and `+a` set; a plain sandbox whose user is root could do that.
GET_FLAGS: Final = 0x80086601
SET_FLAGS: Final = 0x40086602
FIXED: Final = 0x10 | 0x20
MNT_DETACH: Final = 2
UMOUNT_NOFOLLOW: Final = 8
TAKEN: Final = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


def remove(path: Path) -> bool:
    """Remove a file, a link or a whole tree; no link is followed, and nothing is raised.

    False when something of it is still there. Several may remove one tree at once.
    """
    try:
        parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return not os.path.lexists(path)
    try:
        if not _unlink(parent, path.name):
            with suppress(OSError):
                _remove_tree(parent, path.name)
    finally:
        os.close(parent)
    return not os.path.lexists(path)


@dataclass(slots=True)
class _Level:
    """An open directory on the way down: its name in the one above, and whether something went."""

    fd: int
    name: str
    entries: Iterator[os.DirEntry[str]]
    progress: bool = False

    def close(self) -> None:
        """Close it; it is closed before it is removed, as to close what is removed takes long."""
        close = getattr(self.entries, "close", None)
        if close is not None:
            close()
        os.close(self.fd)


def _remove_tree(parent: int, name: str) -> None:
    """Remove the directory `name` in `parent`, as far as that can be done."""
    fresh = (f".damascus-removing-{number}" for number in itertools.count())
    levels = [_enter(parent, name)]
    try:
        while levels:
            level = levels[-1]
            above = levels[-2].fd if len(levels) > 1 else parent
            entry = next(level.entries, None)
            if entry is None:
                levels.pop().close()
                if _rmdir(above, level.name):
                    if levels:
                        levels[-1].progress = True
                elif level.progress:  # a directory that changes while it is read hides entries
                    levels.append(_enter(above, level.name))
            elif _unlink(level.fd, entry.name) or _rmdir(level.fd, entry.name):
                level.progress = True
            elif _is_mounted_on(level.fd, entry.name):
                level.progress |= _unmount(level.fd, entry.name)
            elif len(levels) < DEEPEST:
                with suppress(OSError):
                    levels.append(_enter(level.fd, entry.name))
            else:
                level.progress |= _move_up(level.fd, entry.name, levels[0], fresh)
    finally:
        for level in levels:
            level.close()


def _enter(parent: int, name: str) -> _Level:
    """Open a directory, made open to its owner first. Raises OSError."""
    with suppress(OSError, NotImplementedError):
        if stat.S_IMODE(os.lstat(name, dir_fd=parent).st_mode) & stat.S_IRWXU != stat.S_IRWXU:
            # By a descriptor: a link must not be followed, and chmod cannot be told so.
            place = os.open(name, ENTER | os.O_PATH, dir_fd=parent)
            try:
                os.chmod(f"/proc/self/fd/{place}", stat.S_IRWXU)  # noqa: PTH101 - a descriptor
            finally:
                os.close(place)
    fd = os.open(name, ENTER, dir_fd=parent)
    try:
        return _Level(fd, name, os.scandir(fd))
    except OSError:
        os.close(fd)
        raise


def _unlink(parent: int, name: str) -> bool:
    """Remove what is no directory; tells whether it is gone."""
    return _gone(os.unlink, parent, name)


def _rmdir(parent: int, name: str) -> bool:
    """Remove an empty directory; tells whether it is gone."""
    return _gone(os.rmdir, parent, name)


def _gone(act: Callable[..., None], parent: int, name: str) -> bool:
    """Do `act`, a second time when an immutable mark was in its way."""
    for again in (False, True):
        try:
            act(name, dir_fd=parent)
        except FileNotFoundError:
            return True
        except PermissionError:
            if again or not _unfix(parent, name):
                return False
        except OSError:
            return False
        else:
            return True
    return False


def _is_mounted_on(parent: int, name: str) -> bool:
    """Tell whether something is mounted on a directory: the kernel says so before "not empty"."""
    try:
        os.rmdir(name, dir_fd=parent)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def _unmount(parent: int, name: str) -> bool:
    """Take off what is mounted on a directory; tells whether it went."""
    place = f"/proc/self/fd/{parent}/{name}"
    with suppress(OSError, AttributeError):
        return ctypes.CDLL(None).umount2(os.fsencode(place), MNT_DETACH | UMOUNT_NOFOLLOW) == 0
    return False


def _move_up(parent: int, name: str, top: _Level, fresh: Iterator[str]) -> bool:
    """Move a directory to the top of the tree, where it is found later; tells whether it went."""
    with suppress(OSError):
        _enter(parent, name).close()  # its ".." changes, for which it must be writable
    for new in itertools.islice(fresh, 1000):
        try:
            os.rename(name, new, src_dir_fd=parent, dst_dir_fd=top.fd)
        except OSError as error:
            if error.errno in TAKEN:
                continue
            return False
        top.progress = True
        return True
    return False


def _unfix(parent: int, name: str) -> bool:
    """Take the immutable mark from an entry and its directory; tells whether one had it."""
    done = _unfix_open(parent)
    with suppress(OSError):
        mode = os.lstat(name, dir_fd=parent).st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return done  # to open a device may do something
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(name, flags, dir_fd=parent)
        try:
            done |= _unfix_open(fd)
        finally:
            os.close(fd)
    return done


def _unfix_open(fd: int) -> bool:
    try:
        flags = struct.unpack("l", fcntl.ioctl(fd, GET_FLAGS, struct.pack("l", 0)))[0]
        if not flags & FIXED:
            return False
        fcntl.ioctl(fd, SET_FLAGS, struct.pack("l", flags & ~FIXED))
    except OSError:
        return False
    return True
