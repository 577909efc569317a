"""The filter of system calls, run instruction by instruction as the kernel would."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from damascus.sandbox import seccomp

ARCHES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOW, KILL = 0x7FFF0000, 0x80000000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
HARMLESS = {  # read, write, futex, execve, prctl, seccomp, ptrace, chroot, socketpair, getrandom
    "x86_64": (0, 1, 202, 59, 157, 317, 101, 161, 53, 318),
    "aarch64": (63, 64, 98, 221, 167, 277, 117, 51, 199, 278),
}


def ruling(machine: str, number: int, first: int = 0, arch: int | None = None) -> int:
    """What the program answers to a call."""
    code = seccomp.program(machine)
    assert code is not None
    data = struct.pack("<IIQQ", number, arch or ARCHES[machine], 0, first)
    steps = list(struct.iter_unpack("HBBI", code))
    register, at = 0, 0
    while True:
        operation, yes, no, value = steps[at]
        at += 1
        if operation == 0x06:
            return value
        if operation == 0x20:
            register = struct.unpack_from("<I", data, value)[0]
            continue
        true = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}
        at += yes if true[operation] else no


def error(machine: str, number: int, first: int = 0) -> int:
    said = ruling(machine, number, first)
    assert said & 0xFFFF0000 == 0x00050000, hex(said)
    return said & 0xFFFF


@pytest.mark.parametrize("machine", ARCHES)
def test_every_call_on_the_list_is_refused_and_no_other(machine):
    column = list(ARCHES).index(machine)
    for calls, expected in (
        (seccomp.REFUSED, errno.EPERM),
        (seccomp.ABSENT, errno.ENOSYS),
    ):
        for name, numbers in calls.items():
            if numbers[column] is not None:
                assert error(machine, numbers[column]) == expected, name
    listed = {both[column] for both in (*seccomp.REFUSED.values(), *seccomp.ABSENT.values())}
    for number in range(600):
        if number not in listed:
            assert ruling(machine, number) == ALLOW, number
    for number in HARMLESS[machine]:
        assert ruling(machine, number) == ALLOW


@pytest.mark.parametrize(
    ("machine", "clone", "unshare"), [("x86_64", 56, 272), ("aarch64", 220, 97)]
)
def test_new_namespaces_are_refused_and_threads_and_forks_are_not(machine, clone, unshare):
    for bit in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert error(machine, clone, bit | 17) == errno.EPERM
        assert error(machine, unshare, bit) == errno.EPERM
    assert error(machine, unshare, 0x80) == errno.EPERM
    thread = 0x3D0F00
    for flags in (17, thread, 0x1200011):
        assert ruling(machine, clone, flags) == ALLOW
    assert ruling(machine, unshare, 0x400) == ALLOW  # files alone


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 41), ("aarch64", 198)])
def test_a_socket_to_the_host_of_the_machine_is_refused_and_no_other(machine, number):
    assert error(machine, number, 40) == errno.EAFNOSUPPORT
    for family in (1, 2, 10, 16):
        assert ruling(machine, number, family) == ALLOW


def test_calls_of_another_architecture_end_the_process():
    assert ruling("x86_64", 0, arch=I386) == KILL
    assert ruling("aarch64", 0, arch=ARCHES["x86_64"]) == KILL
    assert error("x86_64", 0x40000000 | 272) == errno.ENOSYS  # x32


def test_for_a_processor_that_is_not_known_there_is_no_filter():
    assert seccomp.program("riscv64") is None


@pytest.mark.parametrize("machine", ARCHES)
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip(f"{HEADERS[machine]} is not there")
    text = HEADERS[machine].read_text()
    told = {
        name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", text)
    }
    column = list(ARCHES).index(machine)
    for name, numbers in {**seccomp.REFUSED, **seccomp.ABSENT}.items():
        if name in told and numbers[column] is not None:
            assert told[name] == numbers[column], name
    assert len(told) > 200
