"""Services run beside a command: started first, waited for, ended with it, in each sandbox."""

from __future__ import annotations

import socket

import pytest

from damascus.domain.services import Service
from damascus.errors import PortTakenError
from damascus.sandbox import Plain
from damascus.sandbox.egress_proxy import PROXY_PORT
from damascus.sandbox.service_launcher import NOT_FOUND, NOT_UP
from damascus.text.redaction import Redactor
from support.redis_server import free_port
from support.sandbox_world import WRAPPED, command, parameters, place, python, sandbox, shell, until
from support.tcp_service import CLIENT, SERVER, is_taken

assert place
assert sandbox


@pytest.fixture
def port(place):
    (place / "server.py").write_text(SERVER)
    (place / "client.py").write_text(CLIENT)
    return free_port()


def serving(port, line="exec python server.py {port}"):
    return (Service(port, line.format(port=port)),)


def client(place, port, **more):
    return command(place, "python", "client.py", str(port), **more)


def test_a_command_reaches_the_service_that_was_started_for_it(sandbox, place, port):
    ended = sandbox.run(client(place, port, services=serving(port)))
    assert (ended.exit_code, ended.output) == (0, "it said hello\n")
    assert ended.service_fault is None
    assert ended.service_output == f"[{port}] starting at {port} with None\n"
    assert until(lambda: not is_taken(port)), "the service ends with the command"


def test_two_services_and_a_daemon_that_leaves_its_shell_are_waited_for(sandbox, place, port):
    other = free_port()
    late = serving(port, "sleep 0.5; exec python server.py {port}")
    daemon = serving(other, "python server.py {port} &")
    both = f"python client.py {port} && python client.py {other}"
    ended = sandbox.run(shell(place, both, services=(*late, *daemon)))
    assert ended.output == "it said hello\nit said hello\n"
    assert until(lambda: not is_taken(other))


@pytest.mark.parametrize(
    ("script", "status"), [("exit 7", 7), ("kill -KILL $$", 137), ("exit 126", 126)]
)
def test_the_exit_status_is_the_commands(sandbox, place, port, script, status):
    assert sandbox.run(shell(place, script, services=serving(port))).exit_code == status


def test_a_program_that_is_not_there_is_told_as_a_shell_tells_it(sandbox, place, port):
    ended = sandbox.run(command(place, "no-such-program", services=serving(port)))
    assert ended.exit_code == NOT_FOUND
    assert "'no-such-program' was not found" in ended.output


def test_a_service_that_ends_is_told_with_its_output_and_nothing_is_run(sandbox, place, port):
    broken = serving(port, "echo no config >&2; exit 3")
    ended = sandbox.run(shell(place, "touch ran", services=broken))
    assert ended.exit_code == NOT_UP
    assert ended.service_fault.service == broken[0]
    assert ended.service_fault.why == f"ended with status 3 before its port {port} answered"
    assert ended.service_output == f"[{port}] no config\n"
    assert not (place / "ran").exists()


def test_a_service_that_failed_by_chance_is_started_once_more(sandbox, place, port):
    line = "if test ! -e began; then touch began; exit 3; fi; exec python server.py {port}"
    ended = sandbox.run(client(place, port, services=serving(port, line)))
    assert (ended.exit_code, ended.output) == (0, "it said hello\n")
    assert ended.service_fault is None


def test_a_service_that_does_not_come_up_is_started_twice_and_no_more(sandbox, place, port):
    ended = sandbox.run(shell(place, "touch ran", services=serving(port, "echo x >>began; exit 3")))
    assert ended.exit_code == NOT_UP
    assert (place / "began").read_text() == "x\nx\n"


def test_a_service_that_never_answers_is_given_up(sandbox, place, port):
    silent = serving(port, "echo waiting; sleep 600")
    ended = sandbox.run(shell(place, "touch ran", services=silent, service_seconds=1))
    assert ended.service_fault.why == f"did not answer at its port {port} within 1 seconds"
    assert ended.service_output == f"[{port}] waiting\n"
    assert not (place / "ran").exists()


def test_a_taken_port_of_the_machine_stops_plain_and_not_bubblewrap(sandbox, place):
    (place / "server.py").write_text(SERVER)
    (place / "client.py").write_text(CLIENT)
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        wanted = client(
            place, port, services=serving(port, "touch began; exec python server.py {port}")
        )
        if sandbox.name == "plain":
            with pytest.raises(PortTakenError, match=f"Port {port} .* is taken"):
                sandbox.run(wanted)
            assert not (place / "began").exists()
        else:
            assert sandbox.run(wanted).output == "it said hello\n"


def test_the_deadline_of_the_command_ends_its_services_too(sandbox, place, port):
    ended = sandbox.run(shell(place, "sleep 600", services=serving(port), timeout=5, grace=1))
    assert (ended.stopped, ended.service_fault) == ("timeout", None)
    assert until(lambda: not is_taken(port))


def test_a_stopped_command_gets_its_grace_once(sandbox, place, port):
    script = "trap 'echo asked >> asked' TERM; for n in 1 2 3 4 5 6 7 8 9; do sleep 1; done; exit 5"
    ended = sandbox.run(shell(place, script, services=serving(port), timeout=6, grace=20))
    assert ended.stopped == "timeout"
    assert (place / "asked").read_text() == "asked\n"
    assert ended.exit_code == 5


def test_neither_command_nor_service_holds_what_tells_the_worker(sandbox, place, port):
    look = "import os; print(sorted(set(map(int, os.listdir('/proc/self/fd'))) - {0, 1, 2})[1:])"
    (place / "look.py").write_text(look)
    spy = serving(port, "python look.py; exec python server.py {port}")
    ended = sandbox.run(command(place, "python", "look.py", services=spy))
    assert ended.output == "[]\n"
    assert ended.service_output.startswith(f"[{port}] []\n")


@pytest.mark.parametrize("name", parameters(["bubblewrap"]))
def test_the_launcher_cannot_be_reached_into(name, place, port):
    script = "import os; print(os.readlink(f'/proc/{os.getppid()}/fd/1'))"
    ended = WRAPPED[name].run(python(place, script, services=serving(port)))
    assert ended.exit_code == 1
    assert "PermissionError" in ended.output


@pytest.mark.parametrize("name", parameters(["bubblewrap"]))
def test_a_service_may_have_the_port_that_the_proxy_of_hosts_would_take(name, place, port):
    del port
    wanted = client(place, PROXY_PORT, services=serving(PROXY_PORT), hosts=[("example.org", 443)])
    assert WRAPPED[name].run(wanted).output == "it said hello\n"


@pytest.mark.parametrize("name", parameters(["bubblewrap"]))
def test_services_work_beside_the_hosts_that_a_command_may_reach(name, place, port):
    ended = WRAPPED[name].run(
        client(place, port, services=serving(port), hosts=[("example.org", 443)])
    )
    assert ended.output == "it said hello\n"


def test_secrets_are_taken_out_of_what_services_print(place, port):
    secret = "hunter2-hunter2-hunter2"
    env = {**command(place).env, "GREETING": secret}
    plain = Plain(redactor=Redactor([secret]))
    ended = plain.run(client(place, port, services=serving(port), env=env))
    assert f"starting at {port}" in ended.service_output
    assert secret not in ended.service_output + ended.output


def test_a_service_without_end_of_output_is_kept_small_and_does_not_stop(sandbox, place, port):
    noisy = serving(port, "head -c 3000000 /dev/zero | tr '\\0' x; exec python server.py {port}")
    ended = sandbox.run(client(place, port, services=noisy))
    assert ended.output == "it said hello\n"
    assert len(ended.service_output) < 1_100_000
    assert "printed more, which was left out" in ended.service_output
