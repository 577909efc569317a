"""What the kernel refuses to a command in the real sandbox, and that toolchains do not miss it."""

from __future__ import annotations

import ctypes
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from damascus.sandbox import Bubblewrap, Plain, seccomp, toolchain
from support.sandbox_world import PATH, SHOWN, WRAPPED, command, parameters, place, python, shell

__all__ = ["place"]
CALL = """
import ctypes, errno, json, sys
libc = ctypes.CDLL(None, use_errno=True)
told = {}
for name, arguments in json.loads(sys.argv[1]).items():
    ctypes.set_errno(0)
    done = libc.syscall(*arguments)
    told[name] = errno.errorcode.get(ctypes.get_errno(), done) if done == -1 else done
print(json.dumps(told))
"""
WRITABLE = """
import os

def tried(path):
    try:
        open(path, "ab").close()
    except OSError:
        return
    print(path)

for top in os.listdir("/proc"):
    if top.isdigit() or os.path.islink(f"/proc/{top}"):
        continue  # of processes
    if os.path.isfile(f"/proc/{top}"):
        tried(f"/proc/{top}")
    for directory, _, names in os.walk(f"/proc/{top}"):
        for name in names:
            tried(f"{directory}/{name}")
"""
pytestmark = pytest.mark.skipif(
    seccomp.program() is None, reason="no filter is known for this kind of processor"
)


@pytest.fixture(params=parameters(WRAPPED))
def caged(request):
    return WRAPPED[request.param]


def column() -> int:
    return {"x86_64": 0, "aarch64": 1}[platform.machine()]


def calls(sandbox, place, wanted):
    ended = sandbox.run(command(place, sys.executable, "-c", CALL, json.dumps(wanted)))
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.output)


def test_every_call_on_the_list_is_refused_inside(caged, place):
    harmless = {"reboot", "vhangup"}  # not tried: were the filter missing, they would do something
    wanted = {
        name: [numbers[column()], 0, 0, 0, 0, 0]
        for name, numbers in {**seccomp.REFUSED, **seccomp.ABSENT}.items()
        if numbers[column()] is not None and name not in harmless
    }
    told = calls(caged, place, wanted)
    assert told == {name: "ENOSYS" if name in seccomp.ABSENT else "EPERM" for name in wanted}


def test_no_namespace_can_be_made_inside(caged, place):
    clone, unshare = seccomp._CLONE[column()], seccomp._UNSHARE[column()]
    told = calls(
        caged,
        place,
        {
            "unshare user": [unshare, 0x10000000],
            "unshare net": [unshare, 0x40000000],
            "clone user": [clone, 0x10000000 | 17, 0, 0, 0, 0],
            "unshare files": [unshare, 0x400],
        },
    )
    assert told == {
        "unshare user": "EPERM",
        "unshare net": "EPERM",
        "clone user": "EPERM",
        "unshare files": 0,
    }


def test_the_machines_memory_keys_and_timing_are_covered_in_proc(caged, place):
    names = "kcore keys key-users timer_list interrupts vmallocinfo scsi/scsi"
    script = f"cd /proc; for f in {names}; do head -c 64 $f 2>/dev/null; done; echo end"
    assert caged.run(shell(place, script)).output == "end\n"


def test_nothing_in_proc_but_its_own_processes_can_be_written(caged, place):
    steering = Path("/proc/sys/kernel/printk_ratelimit")
    script = f"echo {steering.read_text().strip()} >{steering} && echo written"
    assert "written" not in caged.run(shell(place, script)).output
    found = caged.run(python(place, WRITABLE))
    assert (found.exit_code, found.output) == (0, "")


PYTHON = """
import multiprocessing
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool:
        print(sum(pool.map(abs, [-1, -2])))
"""
NODE = """
const { Worker } = require("worker_threads")
require("fs").promises.readFile("/etc/passwd").then(() =>
  new Worker('console.log("node")', { eval: true }))
"""
GO = 'package main\nfunc main() { done := make(chan int); go close(done); <-done; print("go") }\n'
RUST = 'fn main() { std::thread::spawn(|| println!("rust")).join().unwrap() }\n'
JAVA = 'class M { public static void main(String[] a) { System.out.println("java"); } }\n'
TOOLCHAINS = {
    "python3": ("m.py", PYTHON, "python3 m.py", "3\n"),
    "git": ("m", "", "git init -q . && git add m && git status --short", "A  m\n"),
    "node": ("m.js", NODE, "node m.js", "node\n"),
    "go": ("m.go", GO, "go run m.go 2>&1", "go"),
    "rustc": ("m.rs", RUST, "rustc m.rs && ./m", "rust\n"),
    "java": ("M.java", JAVA, "java M.java", "java\n"),
}


@pytest.mark.parametrize("program", TOOLCHAINS)
def test_toolchains_do_not_miss_what_is_refused(place, program):
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    path = f"{Path(found).parent}:{PATH}"
    if program == "rustc":  # rustup's stand-in wants a home that the sandbox does not have
        root = subprocess.run(
            ["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False
        )
        if root.returncode:
            pytest.skip("rustc has no toolchain in this home")
        path = f"{root.stdout.strip()}/bin:{PATH}"
    file, text, script, said = TOOLCHAINS[program]
    (place / file).write_text(text)
    env = {"PATH": path, "HOME": str(place), "GOTOOLCHAIN": "local"}
    sandbox = Bubblewrap(readable=toolchain(path))
    ended = sandbox.run(command(place, "sh", "-c", script, env=env))
    assert (ended.exit_code, ended.output) == (0, said)


def test_a_command_has_a_key_ring_of_its_own_in_plain_too(place):
    libc = ctypes.CDLL(None, use_errno=True)
    add, control = ((248, 250), (217, 219))[column()]
    key = libc.syscall(add, b"user", b"damascus-test", b"secret", 6, -3)
    if key < 0:
        pytest.skip("this kernel, or the container around it, keeps no keys")
    sought = f"{control}, 10, -3, b'user', b'damascus-test', 0"
    find = f"import ctypes; print(ctypes.CDLL(None).syscall({sought}))"
    try:
        seen = subprocess.run(
            [sys.executable, "-c", find], capture_output=True, text=True, check=True
        )
        assert int(seen.stdout) == key
        for sandbox in (Plain(), Bubblewrap(readable=SHOWN)):
            assert sandbox.run(python(place, find)).output.split() == ["-1"]
    finally:
        libc.syscall(control, 21, key)
