"""Services that are images, beside commands in each sandbox, on a real engine.

Skipped where no engine answers, or where it has no image redis:7: `docker pull` it.
"""

from __future__ import annotations

import pytest

from damascus.domain import images
from damascus.errors import NoSandboxError
from damascus.ports import Command
from damascus.sandbox.containers.host import ContainerHost
from damascus.sandbox.containers.service_host import WithServiceContainers
from support.engines import IMAGE, real_engines, why_no_image
from support.patience import patience
from support.sandbox_world import PATH, REASONS, WRAPPED, OpenFence
from support.sandboxes import detect

pytestmark = pytest.mark.processes
ASK = """
import os, socket
place = os.environ["DAMASCUS_SERVICE_REDIS_HOST"], int(os.environ["DAMASCUS_SERVICE_REDIS_PORT"])
for _ in range(2):
    with socket.create_connection(place, 10) as one:
        one.sendall(b"INCR seen\\r\\n")
        print(one.recv(20))
"""


@pytest.fixture(scope="module", params=real_engines())
def host(request, tmp_path_factory):
    if why := why_no_image(request.param, "redis:7"):
        pytest.skip(why)
    return ContainerHost(request.param, home=tmp_path_factory.mktemp("home").resolve())


@pytest.fixture
def place(host, tmp_path):
    place = host.folder.parent / "attempts" / tmp_path.name
    place.mkdir(parents=True)
    return place


def command(place, *argv, services=("redis:7",), env=None, **more):
    return Command(
        argv=argv,
        cwd=place,
        env={"HOME": str(place), **(env or {})},
        writable=(place,),
        service_images=images.services(services),
        timeout=patience(60),
        service_seconds=patience(30),
        **more,
    )


def containers(host):
    return host.engine.call("ps", "--all", "--quiet", "--filter", "label=damascus.runs").split()


@pytest.mark.parametrize("network", [False, True], ids=["alone", "whole-network"])
@pytest.mark.parametrize("kind", ["bubblewrap", "container", "plain"])
def test_a_command_reaches_a_fresh_service_which_is_gone_afterwards(host, place, kind, network):
    if kind == "bubblewrap" and REASONS["bubblewrap"]:
        pytest.skip(REASONS["bubblewrap"])
    env = {} if kind == "container" else {"PATH": PATH}
    inner = {
        "bubblewrap": lambda: WRAPPED["bubblewrap"],
        "container": lambda: host.sandbox(IMAGE),
        "plain": lambda: detect("plain"),
    }[kind]()
    asked = command(place, "python3", "-c", ASK, env=env, network=network)
    done = WithServiceContainers(inner, host).run(asked)
    assert done.output == "b':1\\r\\n'\nb':2\\r\\n'\n", done
    assert "[redis] " in done.service_output
    assert containers(host) == []


def test_a_service_that_does_not_come_up_is_named_and_no_command_is_started(host, place):
    wrong = "redis:7 X=1"
    box = WithServiceContainers(host.sandbox(IMAGE), host)
    slow = command(place, "touch", "begun", services=(wrong,))
    done = box.run(type(slow)(**{**_fields(slow), "service_seconds": 0.0}))
    assert done.service_fault is not None
    assert done.service_fault.service.line == wrong
    assert not (place / "begun").exists()
    assert containers(host) == []


def _fields(one):
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def test_an_image_without_a_port_is_told(host, place):
    box = WithServiceContainers(host.sandbox(IMAGE), host)
    with pytest.raises(NoSandboxError, match="exposes no port"):
        box.run(command(place, "true", services=(IMAGE,)))


def test_a_lost_claim_starts_no_command(host, place):
    fence = OpenFence()
    fence.lose()
    box = WithServiceContainers(host.sandbox(IMAGE), host)
    done = box.run(command(place, "touch", "begun"), fence)
    assert done.stopped == "claim_lost"
    assert not (place / "begun").exists()
    assert containers(host) == []
