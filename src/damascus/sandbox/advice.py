"""What to do on this machine so that bubblewrap works: one sentence, from what the kernel says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

PAGE: Final = "docs/sandbox.md"
# By the ID or ID_LIKE of /etc/os-release.
_INSTALL: Final = {
    "debian": "apt install bubblewrap",
    "ubuntu": "apt install bubblewrap",
    "fedora": "dnf install bubblewrap",
    "rhel": "dnf install bubblewrap",
    "centos": "dnf install bubblewrap",
    "suse": "zypper install bubblewrap",
    "arch": "pacman -S bubblewrap",
    "alpine": "apk add bubblewrap",
}
_FILTERED: Final = re.compile(r"^Seccomp:\s*2", re.MULTILINE)


def install_command(root: Path = Path("/")) -> str:
    """The command that installs bubblewrap here, or those of the usual distributions."""
    said = _read(root / "etc/os-release")
    words = re.findall(r'^(?:ID|ID_LIKE)="?([^"\n]*)', said, re.MULTILINE)
    for word in " ".join(words).split():
        if word in _INSTALL:
            return _INSTALL[word]
    return (
        "apt install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora), "
        "pacman -S bubblewrap (Arch) or apk add bubblewrap (Alpine)"
    )


def advice(root: Path = Path("/")) -> str:
    """What forbids bubblewrap here and what permits it, as far as the kernel tells.

    `root` is where the machine's files are looked at.
    """
    return "; ".join(_obstacles(root)) or (
        f"what it needs of the kernel or of a container's engine is in {PAGE}"
    )


def _obstacles(root: Path) -> Iterator[str]:
    sysctl = root / "proc/sys"
    if _read(sysctl / "kernel/apparmor_restrict_unprivileged_userns").strip() == "1":
        yield (
            "AppArmor restricts user namespaces here, as Ubuntu does: give bwrap a profile "
            f"({PAGE}), or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        )
    if _read(sysctl / "kernel/unprivileged_userns_clone").strip() == "0":
        yield "user namespaces are off here: sysctl kernel.unprivileged_userns_clone=1"
    if _read(sysctl / "user/max_user_namespaces").strip() == "0":
        yield "user namespaces are off here: sysctl user.max_user_namespaces=15000"
    if _in_container(root):
        what = (
            "its seccomp profile (security_opt: seccomp=./docker/seccomp.json), AppArmor "
            "(apparmor=unconfined) and its covers over /proc (systempaths=unconfined)"
            if _FILTERED.search(_read(root / "proc/self/status"))
            else "its covers over /proc (security_opt: systempaths=unconfined) and AppArmor "
            "(apparmor=unconfined)"
        )
        yield f"this is a container: its engine has to permit namespaces, so look at {what}; {PAGE}"


def _in_container(root: Path) -> bool:
    return any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv"))


def _read(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text("utf-8")
    return ""
