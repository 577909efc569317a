"""Taskiq's door: the tasks, the broker and the scheduler.

    taskiq worker damascus.tasks:broker --workers 1 --max-async-tasks 4 --max-threadpool-threads 4
    taskiq scheduler damascus.tasks:scheduler --send-timeout 10

`run_cycle` is a plain function, so Taskiq runs it in its thread pool. How many items one worker
process runs at once is the smaller of `--max-threadpool-threads` and `--max-async-tasks`: give both
the same number. (With more async tasks than threads, the worker takes rings from Redis that no
thread of its own is free for; the defaults are 100 and the cores plus four.)
DAMASCUS_MAX_CONCURRENCY bounds all workers together, whatever the flags say. `--max-fails 1`
ends a worker whose process dies, with a status that is not 0; Taskiq would restart it for ever.
`--send-timeout` is for schedulers: a ring that hangs does not delay the next.
Two schedulers are harmless.

`broker` and `scheduler` are made on first access, from DAMASCUS_REDIS_URL and
DAMASCUS_DATABASE_URL; neither Redis nor the database need be up.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from types import FrameType
from typing import TYPE_CHECKING, Any

from taskiq import BrokerMessage, InMemoryBroker, TaskiqEvents, TaskiqScheduler
from taskiq.abc.broker import AsyncBroker
from taskiq.api import run_scheduler_task
from taskiq.schedule_sources import LabelScheduleSource

from damascus import config, extensions
from damascus.config import Settings
from damascus.config_sources import passed_over
from damascus.errors import ConfigurationError
from damascus.registration import Registration
from damascus.worker.broker import DoorbellBroker
from damascus.worker.doorbell import RELAY_EVENTS, RUN_CYCLE, ring_message
from damascus.worker.parent import end_with_parent
from damascus.worker.process import Worker

if TYPE_CHECKING:
    from damascus.wiring import App

log = logging.getLogger(__name__)

_APART_SECONDS = 0.02  # between two rings of one process
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class NotConfigured(ConfigurationError, SystemExit):  # noqa: N818 - it is both
    """A setting is missing: ends Taskiq's processes with its sentence instead of a traceback."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = message  # what Python writes to stderr when nobody catches it


class Bell:
    """Rings through a broker, from any thread; neither waits nor raises.

    A ring goes out at once, those that follow it closely go out as one, a moment later: at hundreds
    of cycles a second a ring for each of them took as much of the processor as the cycle.
    """

    def __init__(self, broker: AsyncBroker) -> None:
        self._broker = broker
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ringing: set[asyncio.Task[None]] = set()
        self._to_come = False  # a ring is on its way that says what this one would say
        self._not_before = 0.0  # in the loop's time

    def hang(self) -> None:
        """Call in the broker's event loop; before that, rings are not heard."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake a worker."""
        loop = self._loop
        if loop is None or self._to_come:
            return
        self._to_come = True
        try:
            loop.call_soon_threadsafe(self._soon, loop)
        except RuntimeError:
            log.debug("nobody is rung: the event loop is closed")

    def _soon(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_at(max(self._not_before, loop.time()), self._kick, loop)

    def _kick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._to_come = False  # before the kick: who rings from here on has seen more than it says
        self._not_before = loop.time() + _APART_SECONDS
        task = asyncio.ensure_future(self._broker.kick(_message()))
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)


def _message() -> BrokerMessage:
    return BrokerMessage(task_id="ring", task_name=RUN_CYCLE, message=ring_message(), labels={})


def make_broker(settings: Settings) -> DoorbellBroker:
    """The broker over Redis, without tasks. Raises ConfigurationError."""
    if settings.redis_url is None:
        raise ConfigurationError(
            "no doorbell: set DAMASCUS_REDIS_URL=redis://…, or use `damascus up`, which needs none"
        )
    return DoorbellBroker(
        settings.redis_url.get_secret_value(),
        poll_seconds=settings.poll_seconds,
        patience_seconds=settings.redis_patience_seconds,
    )


class RegisteredScheduler(TaskiqScheduler):
    """A scheduler that tells the database that it lives, where it knows one."""

    def __init__(self, broker: AsyncBroker, settings: Settings) -> None:
        super().__init__(broker, [LabelScheduleSource(broker)])
        self._registered = ExitStack()
        self._settings = settings

    async def startup(self) -> None:
        """Begin to ring."""
        await super().startup()
        if self._settings.database_url is not None:
            self._registered.enter_context(Registration(self._settings, "scheduler"))

    async def shutdown(self) -> None:
        """Ring no more."""
        await asyncio.to_thread(self._registered.close)
        await super().shutdown()


def make_scheduler(broker: AsyncBroker, settings: Settings) -> TaskiqScheduler:
    """The scheduler that rings on `broker` as its tasks say."""
    return RegisteredScheduler(broker, settings)


def register(
    broker: AsyncBroker,
    make_app: Callable[[], App],
    settings: Settings,
    *,
    owned: bool = True,
    signals: bool = True,
) -> Worker:
    """Give `broker` the two tasks, and a worker that starts and stops with it.

    `owned`: the worker closes the application. `signals`: SIGTERM, SIGINT, SIGHUP and the end of
    the parent process stop the worker in good order, beside what they did before.
    """
    # A line for every ring would bury what the cycle says.
    logging.getLogger("taskiq.receiver").setLevel(logging.WARNING)
    bell = Bell(broker)
    worker = Worker(make_app, ring=bell.ring, owned=owned)

    def run_cycle() -> None:
        worker.tick()

    async def relay_events() -> None:  # in no thread: it must not wait behind phases
        worker.relay_now()

    async def started(_state: object) -> None:
        bell.hang()
        worker.start()
        if signals:
            _stop_on_signals(worker)
            if parent := multiprocessing.parent_process():
                end_with_parent(parent.pid or 0, grace_seconds=settings.shutdown_grace_seconds)

    async def stopped(_state: object) -> None:
        await asyncio.to_thread(worker.close)

    every: list[dict[str, Any]] = [{"interval": settings.ring_seconds}]
    for task, name in ((run_cycle, RUN_CYCLE), (relay_events, RELAY_EVENTS)):
        broker.register_task(task, task_name=name, ack_type="when_received", schedule=every)
    broker.add_event_handler(TaskiqEvents.WORKER_STARTUP, started)
    broker.add_event_handler(TaskiqEvents.WORKER_SHUTDOWN, stopped)
    return worker


def _stop_on_signals(worker: Worker) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in _STOP_SIGNALS:
        before = signal.getsignal(number)

        def handle(signum: int, frame: FrameType | None, before: Any = before) -> None:
            worker.ask_to_stop()
            if callable(before):
                before(signum, frame)

        signal.signal(number, handle)


# -- for `taskiq worker` and `taskiq scheduler` ----------------------------------------------------


@cache
def _configured() -> tuple[DoorbellBroker, Settings]:
    settings = config.load()
    extensions.check_names(settings)
    if note := passed_over(settings.sources.file):
        log.warning("%s", note)
    broker = make_broker(settings)

    def make_app() -> App:
        from damascus.wiring import App  # noqa: PLC0415 - the scheduler has no use for it

        return App(settings)

    register(broker, make_app, settings)
    return broker, settings


def _require_sandbox(settings: Settings) -> None:
    """Raise NoSandboxError where a worker could run nothing: it says so and ends."""
    from damascus.wiring import App  # noqa: PLC0415 - the scheduler has no use for it

    with App(settings) as app:
        app.require_sandbox()


def __getattr__(name: str) -> object:
    """`broker` and `scheduler`, made when Taskiq asks for them."""
    if name not in ("broker", "scheduler"):
        raise AttributeError(name)
    try:
        made, settings = _configured()
        if name == "scheduler":
            return make_scheduler(made, settings)
        settings.database()
        _require_sandbox(settings)
    except ConfigurationError as error:
        raise NotConfigured(str(error)) from None
    return made


# -- in one process, without Redis -----------------------------------------------------------------


class InProcessBroker(InMemoryBroker):
    """Taskiq's in-memory broker; a ring that would only wait behind many others is dropped."""

    def __init__(self, concurrency: int) -> None:
        super().__init__(sync_tasks_pool_size=concurrency)
        self._most = 2 * concurrency + 2

    async def kick(self, message: BrokerMessage) -> None:
        if message.task_name != RUN_CYCLE or len(self._running_tasks) < self._most:
            await super().kick(message)


def make_in_memory(app: App, *, concurrency: int = 4) -> tuple[InProcessBroker, TaskiqScheduler]:
    """The same tasks on a broker in this process, with a real scheduler. `app` stays yours."""
    broker = InProcessBroker(concurrency)
    register(broker, lambda: app, app.settings, owned=False, signals=False)
    return broker, make_scheduler(broker, app.settings)


def run_embedded(app: App, *, concurrency: int, stop: threading.Event) -> None:
    """Be worker and scheduler, `concurrency` items at once, until `stop` is set.

    Ends as a worker does on SIGTERM: what runs has `shutdown_grace_seconds`, then it is given back.
    """
    asyncio.run(_embedded(app, concurrency, stop))


async def _embedded(app: App, concurrency: int, stop: threading.Event) -> None:
    broker, scheduler = make_in_memory(app, concurrency=concurrency)
    await broker.startup()
    scheduling = asyncio.create_task(run_scheduler_task(scheduler))
    try:
        await broker.kick(_message())  # at once; the scheduler begins at the next full second
        while not stop.is_set():  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.1)
    finally:
        scheduling.cancel()
        await asyncio.gather(scheduling, return_exceptions=True)
        await scheduler.shutdown()
        await broker.shutdown()
        await broker.wait_all()
