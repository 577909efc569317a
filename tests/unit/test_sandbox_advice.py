"""What is advised where bubblewrap is missing or does not work, read off a machine's files."""

from __future__ import annotations

import pytest

from damascus.sandbox.advice import advice, install_command

FILTERED = "Name:\tx\nSeccomp:\t2\n"


def machine(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=debian\nPRETTY_NAME="Debian 12"\n', "apt install bubblewrap"),
        ("NAME=x\nID=ubuntu\nID_LIKE=debian\n", "apt install bubblewrap"),
        ('ID="linuxmint"\nID_LIKE="ubuntu debian"\n', "apt install bubblewrap"),
        ("ID=fedora\n", "dnf install bubblewrap"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install bubblewrap"),
        ("ID=arch\n", "pacman -S bubblewrap"),
        ("ID=alpine\n", "apk add bubblewrap"),
    ],
)
def test_the_command_is_that_of_the_distribution(tmp_path, release, command):
    assert install_command(machine(tmp_path, **{"etc__os-release": release})) == command


@pytest.mark.parametrize("release", ["", "ID=haiku\n", None])
def test_where_the_distribution_is_not_known_all_commands_are_named(tmp_path, release):
    said = install_command(
        tmp_path if release is None else machine(tmp_path, **{"etc__os-release": release})
    )
    for word in ("apt install", "dnf install", "pacman -S", "apk add"):
        assert word in said


def test_ubuntus_restriction_of_user_namespaces_is_named(tmp_path):
    knob = "proc__sys__kernel__apparmor_restrict_unprivileged_userns"
    said = advice(machine(tmp_path, **{knob: "1\n"}))
    assert "AppArmor" in said
    assert "sysctl kernel.apparmor_restrict_unprivileged_userns=0" in said
    assert "docs/sandbox.md" in said
    assert "AppArmor" not in advice(machine(tmp_path, **{knob: "0\n"}))


@pytest.mark.parametrize(
    ("knob", "value", "wanted"),
    [
        ("kernel__unprivileged_userns_clone", "0\n", "kernel.unprivileged_userns_clone=1"),
        ("user__max_user_namespaces", "0\n", "user.max_user_namespaces=15000"),
    ],
)
def test_a_sysctl_that_forbids_namespaces_is_named(tmp_path, knob, value, wanted):
    assert wanted in advice(machine(tmp_path, **{f"proc__sys__{knob}": value}))


@pytest.mark.parametrize("mark", ["dot_dockerenv", "run__dot_containerenv"])
def test_a_container_whose_engine_filters_system_calls_is_told_of_seccomp(tmp_path, mark):
    said = advice(machine(tmp_path, **{mark: "", "proc__self__status": FILTERED}))
    for word in ("container", "seccomp", "AppArmor", "systempaths=unconfined", "docs/sandbox.md"):
        assert word in said


def test_a_container_without_such_a_filter_is_told_of_what_is_left(tmp_path):
    said = advice(machine(tmp_path, dot_dockerenv="", proc__self__status="Seccomp:\t0\n"))
    assert "seccomp" not in said
    assert "systempaths=unconfined" in said


def test_a_machine_that_tells_nothing_is_sent_to_the_page(tmp_path):
    assert "docs/sandbox.md" in advice(tmp_path)
