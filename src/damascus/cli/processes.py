"""`cycle`, `up`, `demo`, `relay`: what makes things move."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import log_to_stderr, say
from damascus.cli.errors import TERMINATED
from damascus.cli.options import JsonFlag
from damascus.cli.session import load, opened, operator
from damascus.cli.signals import handling
from damascus.cli.status import paused_projects
from damascus.cli.text import duration
from damascus.domain.work import PARKED
from damascus.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from damascus.cycle import Cycle
    from damascus.engine.execution import Tick
    from damascus.wiring import App

_LAST_SECONDS = 5.0  # after the claim was given back, for what runs to notice it
OpenFlag = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
_BUILDERS = ("mini", "claude", "command")


def cycle(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Go on until nothing can be claimed any more.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run one step: claim one item, run its phase, write the verdict.

    With nothing to claim it says why, and is done (exit code 0). On SIGTERM the running phase gets
    its grace time; then the claim is given back without spending the attempt.
    """
    from damascus.backlog.base import ring_now  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.registration import Registration  # noqa: PLC0415 - the same

    log_to_stderr()
    ticks: list[dict[str, Any]] = []
    with opened() as app:
        app.require_sandbox()
        running = app.cycle(ring=lambda: ring_now(app.settings))
        registered = Registration(app.settings, "worker", doing=lambda: _doing(running))
        with registered, _terminable(running, app.settings.shutdown_grace_seconds):
            while (tick := running.tick()).outcome != "idle":
                ticks.append(_told(tick))
                if not as_json:
                    output.line(_line(ticks[-1]))
                if not until_idle or running.stopping:
                    break
        idle = tick.outcome == "idle" and not running.stopping
        if ticks:  # nobody goes on here: others may find what the verdict has set free
            ring_now(app.settings)
        why = _why_idle(app) if idle else None
    if as_json:
        output.emit({"ticks": ticks, "idle": idle, "why_idle": why})
    elif why is not None:
        output.line(f"nothing to do: {why}")
    if running.stopping:
        raise typer.Exit(TERMINATED)


def _doing(running: Cycle) -> dict[str, Any]:
    from damascus.registration import running_of  # noqa: PLC0415 - `--help` does not pay for it

    return {"runs": running_of(running), "stopping": running.stopping}


@contextmanager
def _terminable(running: Cycle, grace: float) -> Generator[None]:
    """On SIGTERM: claim nothing more; after `grace` seconds give the running claim back."""
    timers: list[threading.Timer] = []

    def terminate() -> None:
        running.stop_claiming()
        # From another thread: a handler runs inside whatever the main thread holds just now.
        for seconds, act in ((grace, running.release_claims), (grace + _LAST_SECONDS, _interrupt)):
            timer = threading.Timer(seconds, act)
            timer.daemon = True
            timer.start()
            timers.append(timer)

    with handling(terminate, signal.SIGTERM):
        try:
            yield
        except KeyboardInterrupt:
            if timers:
                raise typer.Exit(TERMINATED) from None
            raise
        finally:
            for timer in timers:
                timer.cancel()


def _interrupt() -> None:
    """What does not stop by itself (a model that does not answer) is interrupted like by Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def _told(tick: Tick) -> dict[str, Any]:
    claim = tick.claim
    return {
        "outcome": tick.outcome,
        "item_id": None if claim is None else claim.item_id,
        "epoch": None if claim is None else claim.epoch,
        "phase": None if claim is None else claim.phase,
        "verdict": tick.verdict,
        "effective": tick.effective,
        "to": tick.to,
        "summary": tick.summary,
    }


def _line(tick: dict[str, Any]) -> str:
    if tick["outcome"] != "settled":
        return f"item {tick['item_id']}: {tick['phase']} {tick['outcome']}: {tick['summary']}"
    verdict = tick["verdict"]
    if tick["effective"] not in (None, verdict):
        verdict = f"{verdict} ({tick['effective']})"
    return f"item {tick['item_id']}: {tick['phase']} {verdict} -> {tick['to']}: {tick['summary']}"


def _why_idle(app: App) -> str:
    """One line about what keeps everything that is not final from being claimed."""
    from damascus.backlog import Backlog  # noqa: PLC0415 - `--help` does not pay for it

    view = Backlog(app).stats(operator(), fresh=True)
    phases = view["phases"]
    queue = [row for phase, row in phases.items() if phase not in PARKED]
    running, gated, later = (
        sum(row[name] for row in queue) for name in ("running", "gated", "backing_off")
    )
    paused = [one["name"] for one in paused_projects(view)]
    parked = sum(phases[phase]["items"] for phase in PARKED)
    waiting = [row["oldest_seconds"] for row in queue if row["oldest_seconds"] is not None]
    oldest = max(waiting, default=None)
    reasons = [
        f"paused: project{'s' * (len(paused) > 1)} {', '.join(paused)}" if paused else "",
        f"{running} running elsewhere" if running else "",
        f"{gated} behind gates" if gated else "",
        f"{later} waiting for their time" if later else "",
        f"{parked} waiting for a person" if parked else "",
        f"the oldest waits for a free slot since {duration(oldest)}" if oldest is not None else "",
    ]
    return "; ".join(reason for reason in reasons if reason) or "the queue is empty"


def relay(
    once: Annotated[bool, typer.Option("--once", help="Send what is there, then end.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C or SIGTERM.")
    ] = False,
) -> None:
    """Send the events to the sinks that the settings name: a file of JSON lines, a Redis stream.

    Exit code 1 when a sink did not take what there is, 3 when no sink is set.
    """
    if once == follow:
        raise UsageError("choose --once or --follow")
    from damascus import relay as relaying  # noqa: PLC0415 - `--help` does not pay for it
    from damascus.registration import Registration  # noqa: PLC0415 - the same

    log_to_stderr()
    stop = threading.Event()
    with opened() as app, handling(stop.set, signal.SIGTERM, signal.SIGINT):
        if not relaying.sinks_of(app.settings):
            raise ConfigurationError(
                "there is no sink to send events to: set DAMASCUS_RELAY_JSONL to a file, or "
                "DAMASCUS_RELAY_STREAM to the name of a Redis stream"
            )
        sinks = [sink.name for sink in relaying.sinks_of(app.settings)]
        with Registration(app.settings, "relay", doing=lambda: {"sinks": sinks}):
            done = relaying.run_relay(app, once=once, stop=stop)
    for sink in done:
        output.line(f"{sink.sink}: {sink.events} events")
        if sink.error:
            say(f"the sink {sink.sink} did not take its events: {sink.error}")
    if any(sink.error for sink in done):
        raise typer.Exit(1)


def up(
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", min=1, max=1000, metavar="N", help="Items at once."),
    ] = None,
    builder: Annotated[
        str | None,
        typer.Option("--builder", metavar="mini|claude|command", help="Coding agent to use."),
    ] = None,
    browse: OpenFlag = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Go on in the background, without a terminal.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop what is up, in good order, and wait for its end.")
    ] = False,
) -> None:
    """Run everything in this process until Ctrl-C: a private PostgreSQL, workers, the page.

    It needs no Redis. The page is on DAMASCUS_API_PORT; a link that signs in is shown. It ends with
    its terminal, and its PostgreSQL with it; with --detach it goes on, and writes to `up.log` in
    its home.
    """
    if detach and stop:
        raise UsageError("--detach and --stop exclude each other")
    if stop:
        _stop_up()
        return
    _known(builder, _BUILDERS)
    if detach:
        _start_up(browse=browse)
        return
    from damascus.up import run_up  # noqa: PLC0415 - `--help` does not pay for it

    log_to_stderr(logging.WARNING)
    changes = {"max_concurrency": concurrency, "builder": builder}
    chosen = load(**{name: value for name, value in changes.items() if value is not None})
    if code := run_up(chosen, say=output.line, browse=browse):
        raise typer.Exit(code)


def _start_up(*, browse: bool) -> None:
    """Start `up` with the words of this process, but in the background."""
    from damascus.embedded import background  # noqa: PLC0415 - `--help` does not pay for it

    if browse:
        raise UsageError("--open needs a terminal: use the link in `page.link` in its home instead")
    home = load().home
    words = [word for word in sys.argv[1:] if word not in ("--detach", "-d")]
    pid, log, said = background.start(home, words)
    for line in said:
        output.line(line)
    output.line(f"It goes on as process {pid} and writes to {log}; stop it: damascus up --stop")


def _stop_up() -> None:
    from damascus.embedded import background  # noqa: PLC0415 - `--help` does not pay for it

    settings = load()
    pid = background.stop(settings.home, seconds=settings.shutdown_grace_seconds + 60)
    if pid is None:
        output.line(f"nothing is up in {settings.home}")
    else:
        output.line(f"Damascus is down (it was process {pid})")


def demo(
    builder: Annotated[
        str, typer.Option("--builder", metavar="mini|claude", help="Coding agent to use.")
    ] = "mini",
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Leave everything there for a look."),
    ] = None,
    browse: OpenFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Carry sample stories to merge on this machine: real database, git and agent, scripted model.

    It needs no key, no forge and no network, and cleans up after itself. With --open it shows the
    page as well, and stays until Ctrl-C.
    """
    _known(builder, ("mini", "claude"))
    if browse and as_json:
        raise UsageError("choose --open, which stays for a look, or --json, which ends")
    from damascus.demo.run import run_demo  # noqa: PLC0415 - `--help` does not pay for it

    if code := run_demo(builder=builder, keep=keep, as_json=as_json, browse=browse):
        raise typer.Exit(code)


def _known(builder: str | None, known: tuple[str, ...]) -> None:
    if builder is not None and builder not in known:
        raise UsageError(f"--builder is one of {', '.join(known)}, not {builder[:40]!r}")
