"""Containers of a real engine: the walls, the bounds and the ends, as in the other sandboxes.

Skipped where no engine answers, or where it has no image python:3.12-slim: `docker pull` it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path, PurePosixPath

import pytest

from damascus.errors import SandboxError
from damascus.phases.agent_program import look
from damascus.ports import Command, Layer
from damascus.sandbox import Bounds
from damascus.sandbox.containers.host import ContainerHost
from support.engines import IMAGE, real_engines
from support.patience import patience
from support.sandbox_world import OpenFence, until

pytestmark = pytest.mark.processes
BOUNDS = Bounds(together_bytes=400 * 2**20, disk_bytes=50 * 2**20, processes=60)


@pytest.fixture(scope="module", params=real_engines())
def host(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("home").resolve()
    return ContainerHost(request.param, home=home, bounds=BOUNDS)


@pytest.fixture(scope="module")
def box(host):
    return host.sandbox(IMAGE)


@pytest.fixture
def place(host, tmp_path):
    place = host.folder.parent / "attempts" / tmp_path.name / "checkout"
    place.mkdir(parents=True)
    return place


def command(place, *argv, **more):
    more.setdefault("timeout", patience(60))
    more.setdefault("env", {"HOME": str(place)})
    more.setdefault("grace", 2)
    return Command(argv=argv, cwd=place, writable=(place,), **more)


def python(place, script, **more):
    return command(place, "python", "-c", script, **more)


def containers(host):
    listed = host.engine.call("ps", "--all", "--format", "{{.Names}}")
    return [name for name in listed.split() if name.startswith("damascus-")]


def answer(service):
    connected, _ = service.accept()
    with connected:
        connected.sendall(b"hello")


def test_what_it_writes_belongs_to_this_user_and_the_rest_is_read_only(box, place):
    script = "echo mine >file; for p in / /usr /etc /damascus; do touch $p/x; done; whoami"
    done = box.run(command(place, "sh", "-c", script))
    assert done.exit_code == 0, done.output
    assert done.output.count("Read-only file system") == 4
    assert (place / "file").stat().st_uid == os.getuid()


def test_it_has_no_capability_no_new_rights_and_no_engine(box, place):
    script = "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/self/status; find / -name '*.sock'"
    done = box.run(command(place, "sh", "-c", script))
    assert done.output.count("0000000000000000") == 2
    assert "NoNewPrivs:\t1" in done.output
    assert ".sock" not in done.output


def test_it_cannot_touch_what_supervises_it(box, place):
    script = (
        "kill -9 1; kill 1; kill -STOP 1; cat /proc/1/environ /proc/1/maps; ls /proc/1/fd; exit 4"
    )
    done = box.run(command(place, "sh", "-c", script))
    assert done.exit_code == 4
    assert "denied" in done.output


def test_it_reaches_no_network_but_the_places_it_was_given(box, place):
    with socket.create_server(("127.0.0.1", 0)) as service:
        threading.Thread(target=answer, args=(service,), daemon=True).start()
        port = service.getsockname()[1]
        script = (
            "import socket, sys\n"
            f"for place in (('127.0.0.1', {port}), ('1.1.1.1', 443)):\n"
            "    try: print(socket.create_connection(place, 3).recv(5))\n"
            "    except OSError as error: print('refused')\n"
        )
        assert box.run(python(place, script)).output == "refused\nrefused\n"
        given = python(place, script, egress=(("127.0.0.1", port),))
        assert box.run(given).output == "b'hello'\nrefused\n"


def test_a_host_that_is_not_allowed_is_refused_by_name(box, place):
    script = "import urllib.request\nurllib.request.urlopen('http://example.org/')"
    done = box.run(python(place, script, hosts=(("example.com", 443),)))
    assert done.exit_code == 1
    assert done.refused == ("example.org:80",)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("held = bytearray(600 << 20); import time; time.sleep(60)", "memory"),
        ("open('big', 'wb').write(bytes(80 << 20)); import time; time.sleep(60)", "disk"),
        ("import os, time\nfor _ in range(200): os.fork() or time.sleep(60)", "processes"),
    ],
)
def test_a_bound_that_is_passed_ends_it(box, place, script, why):
    done = box.run(python(place, script))
    assert done.exit_code == 137 or "Resource temporarily unavailable" in done.output
    assert done.killed in {"bounds", "memory"} or why == "processes", done


def test_a_deadline_ends_what_ignores_signals_and_the_container_with_it(host, box, place):
    script = (
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 300' & echo began; sleep 300; sleep 300"
    )
    done = box.run(command(place, "sh", "-c", script, timeout=3, grace=1))
    assert (done.stopped, done.output) == ("timeout", "began\n")
    assert containers(host) == []


def test_a_lost_claim_ends_it_at_once(box, place):
    fence = OpenFence()
    thread = threading.Thread(target=lambda: until((place / "began").exists) and fence.lose())
    thread.start()
    done = box.run(command(place, "sh", "-c", "touch began; sleep 300"), fence)
    thread.join()
    assert done.stopped == "claim_lost"


def test_a_container_that_somebody_removes_is_no_doing_of_the_works(host, box, place):
    def remove():
        until((place / "began").exists)
        host.engine.call("rm", "--force", *containers(host))

    thread = threading.Thread(target=remove)
    thread.start()
    done = box.run(command(place, "sh", "-c", "touch began; sleep 300"))
    thread.join()
    assert done.killed == "supervisor"


WORKER = """
import sys
from pathlib import Path
from damascus.ports import Command
from damascus.sandbox.containers.host import ContainerHost
engine, home, place = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
box = ContainerHost(engine, home=home).sandbox(sys.argv[4])
box.run(Command(("sh", "-c", "touch began; sleep 300"), cwd=place, env={}, writable=(place,)))
"""


def test_a_worker_that_is_killed_takes_its_container_along_and_the_next_removes_it(host, place):
    home = host.folder.parent
    words = [host.engine.program, str(home), str(place), IMAGE]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, *words])
    assert until((place / "began").exists, 60)
    (name,) = containers(host)
    worker.send_signal(signal.SIGKILL)
    worker.wait()

    def ended():
        return host.engine.call("inspect", "--format", "{{.State.Running}}", name) == "false\n"

    assert until(ended)
    _ = ContainerHost(host.engine.program, home=home).engine
    assert containers(host) == []


def test_layers_are_laid_under_it_and_what_it_writes_goes_above(host, box, place):
    if why := host.overlay_problem(box.image):
        pytest.skip(f"no overlay here: {why}")
    lower, upper, work = (place.parent / name for name in ("lower", "upper", "work"))
    for one in (lower, upper, work, place / "venv"):
        one.mkdir()
    (lower / "kept").write_text("kept")
    layers = (Layer(lower, upper, work, place / "venv"),)
    shown = {place: PurePosixPath("/damascus/checkout")}
    script = "pwd; cat venv/kept; echo new >venv/kept; echo made >venv/made; ls $AGAIN"
    env = {"AGAIN": f"--directory={place}"}
    done = box.run(command(place, "sh", "-c", script, layers=layers, shown=shown, env=env))
    assert done.output.startswith("/damascus/checkout\nkept")
    assert (lower / "kept").read_text() == "kept"
    assert {one.name for one in upper.iterdir()} == {"kept", "made"}
    assert list((place / "venv").iterdir()) == []


def test_the_machines_path_of_what_it_is_shown_leads_there_too(box, place):
    shown = {place: PurePosixPath("/damascus/checkout")}
    script = f"echo x >file; cat {json.dumps(str(place))[1:-1]}/file"
    done = box.run(command(place, "sh", "-c", f"eval '{script}'", shown=shown))
    assert done.output == "x\n"


def test_a_program_that_the_image_lacks_is_named(box, place):
    with pytest.raises(SandboxError, match="'no-such-program' was not found"):
        box.run(command(place, "no-such-program"))


def test_a_script_of_the_workers_runs_in_it(box, place, tmp_path):
    agent = tmp_path / "agent"
    agent.write_text("#!/bin/sh\necho agent of $(python -c 'import sys; print(sys.prefix)')\n")
    agent.chmod(0o755)
    done = box.run(command(place, str(agent), own_program=True))
    assert done.output == "agent of /usr/local\n"


@pytest.mark.parametrize("name", ["with space", 'comma,quote"', "ünï", "a:b"])
def test_directories_of_every_name_are_mounted(box, place, name):
    odd = place.parent / name / "checkout"
    odd.mkdir(parents=True)
    done = box.run(command(odd, "sh", "-c", "pwd; touch here"))
    assert done.output == f"{odd}\n"
    assert (odd / "here").exists()


def test_an_image_without_python_or_our_c_library_runs_as_well(host, place, tmp_path):
    busybox = next(
        (one for one in (Path("/bin/busybox"), Path("/usr/bin/busybox")) if one.exists()), None
    )
    said = subprocess.run(["ldd", str(busybox)], capture_output=True, text=True, check=False)
    if busybox is None or "not a dynamic" not in said.stdout + said.stderr:
        pytest.skip("no busybox is here that needs no library, to make such an image of")
    tar = tmp_path / "image.tar"
    root = tmp_path / "root"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "busybox").write_bytes(busybox.read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    (root / "bin" / "sh").symlink_to("busybox")
    subprocess.run(["tar", "-C", root, "-cf", tar, "."], check=True)
    host.engine.call("import", str(tar), "local/damascus-busybox:1")
    try:
        done = host.sandbox("local/damascus-busybox:1").run(
            command(
                place, "sh", "-c", "busybox id -u; busybox whoami; exit 5", hosts=(("a.org", 443),)
            )
        )
        assert done.exit_code == 5, done.output
    finally:
        host.engine.call("rmi", "--force", "local/damascus-busybox:1")


def test_an_agent_is_looked_for_on_the_images_path_without_its_python(box, place):
    env = {"HOME": str(place), "PATH": "/usr/bin:/bin"}
    assert box.run(command(place, *look("sh"), env=env)).exit_code == 0
    assert box.run(command(place, *look("no-such-agent"), env=env)).exit_code == 3
