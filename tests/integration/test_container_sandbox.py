"""A container as a sandbox, by an engine that is made up: command lines, and what can go wrong."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import PurePosixPath

import pytest

from damascus.errors import NoSandboxError, SandboxError
from damascus.ports import Command, Layer
from damascus.sandbox import usage
from damascus.sandbox.containers import engine as engines
from damascus.sandbox.containers import runtime, start
from damascus.sandbox.containers.engine import find_engine
from damascus.sandbox.containers.host import ContainerHost
from damascus.sandbox.containers.leftovers import remove_leftovers
from damascus.sandbox.containers.sandbox import runs_in_any_image
from support.engines import FakeEngine
from support.patience import patience
from support.sandbox_world import OpenFence, until


@pytest.fixture(scope="session")
def shared_runtime(tmp_path_factory):
    """What every container is given takes seconds to copy: once for all tests here."""
    folder = tmp_path_factory.mktemp("runtime")
    runtime.runtime(folder)
    return folder


@pytest.fixture
def home(tmp_path, shared_runtime):
    home = tmp_path / "home"
    (home / "containers").mkdir(parents=True)
    made = runtime.runtime(shared_runtime)
    (home / "containers" / made.name).symlink_to(made)
    return home


@pytest.fixture
def engine(tmp_path):
    return FakeEngine(tmp_path)


@pytest.fixture
def host(engine, home):
    return ContainerHost(str(engine.program), home=home)


@pytest.fixture
def place(home):
    place = home / "attempts" / "1"
    place.mkdir(parents=True)
    return place


def command(place, *argv, **more):
    more.setdefault("env", {"HOME": str(place), "PATH": "/usr/bin:/bin"})
    more.setdefault("timeout", patience(60))
    return Command(argv=argv, cwd=place, writable=(place,), **more)


def run_options(engine):
    (call,) = [words for words in engine.calls if words[0] == "run" and "--detach" in words]
    return call


def test_a_command_is_run_with_its_output_input_and_status(host, place):
    (place / "in").write_text("given")
    script = "cat; echo to stderr >&2; echo written >file; exit 7"
    done = host.sandbox("here:1").run(command(place, "sh", "-c", script, stdin=place / "in"))
    assert (done.exit_code, done.output) == (7, "givento stderr\n")
    assert (place / "file").read_text() == "written\n"


def test_the_images_variables_are_there_and_the_commands_own_win(host, place):
    box = host.sandbox("here:1")
    done = box.run(command(place, "sh", "-c", "echo $OF_IMAGE", env={"PATH": "/bin:/usr/bin"}))
    assert done.output == "yes\n"
    own = {"PATH": "/bin:/usr/bin", "OF_IMAGE": "no"}
    assert box.run(command(place, "sh", "-c", "echo $OF_IMAGE", env=own)).output == "no\n"


def test_the_walls_are_asked_of_the_engine(host, engine, place):
    host.sandbox("here:1").run(command(place, "true"))
    options = run_options(engine)
    said = " ".join(options)
    for wall in (
        *("--network none", "--read-only", "--cap-drop ALL", "--pull never"),
        *("--security-opt no-new-privileges", "--pids-limit", "--memory", "--no-healthcheck"),
        f"--user {os.getuid()}:{os.getgid()}",
    ):
        assert wall in said
    mounted = [word for word in options if word.startswith("type=bind") and "readonly" not in word]
    assert mounted == [f"type=bind,src={place},dst={place}"]
    assert "docker.sock" not in said


def test_whole_network_is_the_engines_own(host, engine, place):
    host.sandbox("here:1").run(command(place, "true", network=True))
    assert "--network bridge" in " ".join(run_options(engine))


def test_an_environment_is_laid_over_by_the_engine_and_a_copy_is_bound(host, engine, place):
    lower, upper, work = (place.parent / name for name in ("a,b", "u:v", "w"))
    for one in (lower, upper, work):
        one.mkdir()
    layers = (
        Layer(lower, upper, work, place / "venv"),
        Layer(None, upper, upper, place / "modules"),
    )
    shown = {place: PurePosixPath("/damascus/checkout")}
    # The engine that is made up shows nothing at another path, so the command itself cannot start.
    with pytest.raises(SandboxError):
        host.sandbox("here:1").run(command(place, "true", layers=layers, shown=shown))
    said = " ".join(run_options(engine))
    assert "dst=/damascus/checkout/venv,volume-nocopy" in said
    assert "lowerdir=" + str(lower).replace(",", "\\,") in said
    assert f"src={upper},dst=/damascus/checkout/modules" in said


def test_a_deadline_ends_all_of_it_and_nothing_of_the_container_is_left(host, engine, place):
    script = "(trap '' TERM; sleep 100) & echo $! >pid; sleep 100"
    done = host.sandbox("here:1").run(command(place, "sh", "-c", script, timeout=1.0, grace=0.5))
    assert done.stopped == "timeout"
    _, alive, _ = usage.processes().get(int((place / "pid").read_text()), (0, False, 0))
    assert not alive
    assert engine.containers == []
    assert list((host.folder / "runs").iterdir()) == []


def test_a_lost_claim_kills_at_once(host, engine, place):
    fence = OpenFence()
    box = host.sandbox("here:1")
    threading.Thread(
        target=lambda: until((place / "began").exists) and fence.lose(), daemon=True
    ).start()
    done = box.run(command(place, "sh", "-c", "touch began; sleep 100"), fence)
    assert done.stopped == "claim_lost"
    assert engine.containers == []


def test_output_that_is_too_long_is_cut_in_the_middle(host, place):
    done = host.sandbox("here:1").run(
        command(place, "sh", "-c", "yes | head -c 1000000", output_cap=1000)
    )
    assert "bytes left out" in done.output
    assert len(done.output) < 2000


def test_a_program_that_is_not_in_the_image_is_named(host, engine, place):
    with pytest.raises(SandboxError, match="'no-such-program' was not found"):
        host.sandbox("here:1").run(command(place, "no-such-program"))
    assert engine.containers == []


def test_a_missing_image_is_pulled_once(host, engine, place):
    engine.say("registry.json", {"there:2": {"Id": "sha256:" + "2" * 64, "Config": {}}})
    host.sandbox("there:2").run(command(place, "true"))
    host.sandbox("there:2")
    assert [words[-1] for words in engine.calls if words[0] == "pull"] == ["there:2"]


def test_an_image_that_cannot_be_pulled_is_told_in_one_sentence(host):
    with pytest.raises(NoSandboxError) as raised:
        host.sandbox("nowhere:1")
    said = str(raised.value)
    assert "'nowhere:1' is not here and cannot be pulled" in said
    assert "manifest for nowhere:1 not found" in said
    assert "\n" not in said


def test_an_engine_that_does_not_answer_is_not_waited_for(engine, home, monkeypatch):
    monkeypatch.setattr(engines, "ASK_SECONDS", 0.5)
    engine.say("hangs", "info")
    with pytest.raises(NoSandboxError, match=r"info did not answer within 0\.5 s"):
        ContainerHost(str(engine.program), home=home).sandbox("here:1")


def test_an_engine_that_hangs_at_a_start_ends_in_a_sentence(host, engine, place, monkeypatch):
    box = host.sandbox("here:1")
    monkeypatch.setattr(start, "START_SECONDS", 0.5)
    engine.say("hangs", "run")
    began = time.monotonic()
    with pytest.raises(SandboxError, match=r"of here:1 could not be started: .* did not answer"):
        box.run(command(place, "true"))
    assert time.monotonic() - began < patience(30)


def test_an_engine_that_fails_is_quoted(host, engine, place):
    box = host.sandbox("here:1")
    engine.say("fails", "run")
    with pytest.raises(SandboxError, match="the disk of the engine is full"):
        box.run(command(place, "true"))
    assert list((host.folder / "runs").iterdir()) == []


def test_a_container_that_vanishes_is_no_doing_of_the_works(host, engine, place):
    def vanish():
        until((place / "began").exists)
        (name,) = engine.containers
        os.kill(int((engine.state / "containers" / name / "pid").read_text()), signal.SIGKILL)

    box = host.sandbox("here:1")
    threading.Thread(target=vanish, daemon=True).start()
    done = box.run(command(place, "sh", "-c", "touch began; exec sleep 100"))
    assert done.killed == "supervisor"
    assert engine.containers == []


def test_what_a_dead_worker_left_is_removed_and_what_is_in_use_stays(host, engine, place):
    box = host.sandbox("here:1")
    runs = host.folder / "runs"
    dead = runs / "99999-dead"
    dead.mkdir(parents=True)
    (dead / "lock").touch()
    left = engine.state / "containers" / "damascus-99999-dead"
    left.mkdir()
    (left / "labels").write_text(f"damascus.runs={runs}")
    strangers = engine.state / "containers" / "other"
    strangers.mkdir()
    (strangers / "labels").write_text("damascus.runs=/another/home/containers/runs")
    gone: list[str] = []

    def sweep():
        until((place / "began").exists)
        gone.extend(remove_leftovers(host.engine, runs))
        (place / "go").touch()

    thread = threading.Thread(target=sweep)
    thread.start()
    script = "touch began; while [ ! -e go ]; do sleep 0.05; done"
    done = box.run(command(place, "sh", "-c", script))
    thread.join()
    assert done.exit_code == 0
    assert gone == ["damascus-99999-dead"]
    assert engine.containers == ["other"]


def test_a_home_that_lies_elsewhere_for_the_engine_is_told_before_anything_is_run(engine, home):
    wrong = ContainerHost(str(engine.program), home=home)
    engine.say("fails", "run")
    with pytest.raises(NoSandboxError, match=r"runs no container that sees .*docs/containers\.md"):
        wrong.sandbox("here:1")


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"ServerVersion": "9", "SecurityOptions": ["name=rootless"]}, "docker 9, rootless; it "),
        (
            {"host": {"security": {"rootless": True}, "cgroupVersion": "v2",
                      "cgroupControllers": ["memory", "pids"]}, "version": {"Version": "5"}},
            "podman 5, rootless",
        ),
        ({"ServerVersion": "9", "MemoryLimit": True, "PidsLimit": True}, "its daemon is root"),
    ],
)  # fmt: skip
def test_an_engine_says_what_it_is(engine, told, sentence):
    engine.say("info.json", told)
    assert sentence in find_engine(str(engine.program)).describe()


def test_no_engine_is_told_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoSandboxError) as raised:
        find_engine(None)
    assert "podman is not installed; docker is not installed" in str(raised.value)
    assert "rootless Podman or Docker" in str(raised.value)


@pytest.mark.parametrize(
    ("head", "anywhere"),
    [(b"\x7fELF", True), (b"#!/bin/sh\n", True), (b"#!/usr/bin/env node\n", False)],
)
def test_binaries_and_shell_scripts_of_the_worker_run_in_any_image(tmp_path, head, anywhere):
    program = tmp_path / "agent"
    program.write_bytes(head)
    assert runs_in_any_image(program) is anywhere
