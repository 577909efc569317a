"""Where the relay carries events: a file of JSON lines, a Redis stream.

A sink takes a batch as a whole, in order, or raises; then it gets the same events again, perhaps
fewer at once. It must not keep a part that would be seen out of order.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from damascus.config import Settings
from damascus.errors import ConfigurationError, DamascusError, UnreachableError

if TYPE_CHECKING:
    from redis import Redis

CloudEvent = Mapping[str, Any]
STREAM_KEPT = 100_000  # events in the Redis stream, about


class SinkError(DamascusError):
    """A sink cannot take events; somebody has to do something about it."""


class Sink(Protocol):
    """One place events go. `name` is under what its cursor is kept: another name starts anew."""

    @property
    def name(self) -> str: ...

    def put(self, events: Sequence[CloudEvent]) -> None:
        """Take all of `events`, durably. Raises whatever went wrong, SinkError with a sentence.

        UnreachableError says that it is not about these events: none is given up for it.
        """
        ...


class JsonLines:
    """Appends one JSON object a line to `path`, synced to the disk batch by batch.

    A last line without its end is what a crash in the middle of a write leaves: it was never
    acknowledged, so it is cut off and comes again. The file is opened for every batch: one that
    was moved away is begun anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.name = f"jsonl:{self.path}"

    def put(self, events: Sequence[CloudEvent]) -> None:
        """Append the batch. Raises SinkError."""
        lines = "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)
        try:
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)  # nobody's half-written line is taken for torn
                self._append(file, lines.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise SinkError(
                f"events cannot be written to {self.path}: {error.strerror or error}. Give "
                "Damascus the right and the room to write there, or set DAMASCUS_RELAY_JSONL "
                "to another file"
            ) from None

    def _append(self, file: int, data: bytes) -> None:
        whole = _end_of_last_line(file)
        if whole < os.fstat(file).st_size:
            os.ftruncate(file, whole)
        try:
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
            if whole == 0:
                self._sync_directory()  # a new file's name is on the disk only after this
        except OSError:
            os.ftruncate(file, whole)  # a full disk: leave no half of a batch behind
            raise

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _end_of_last_line(file: int, *, block: int = 65_536) -> int:
    """The offset behind the last line end of an open file, 0 when there is none."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(end - block, 0)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


class RedisStream:
    """Adds to a Redis stream, trimmed to about `kept` entries, a whole batch or nothing of it.

    An entry has the fields `id`, `type`, `subject` and `event`, the last as JSON.
    """

    def __init__(
        self, url: str, stream: str, *, kept: int = STREAM_KEPT, wait: float = 5.0
    ) -> None:
        self._url = url
        self._stream = stream
        self._kept = kept
        self._wait = wait
        self._client: Redis | None = None
        self.name = f"redis:{stream}"

    def put(self, events: Sequence[CloudEvent]) -> None:
        """Add the batch. Raises UnreachableError or SinkError."""
        from redis import RedisError, ResponseError  # noqa: PLC0415 - only who relays to Redis pays

        try:
            # MULTI: when one event is refused (out of memory), none is there ahead of it.
            pipeline: Any = self._connected().pipeline(transaction=True)  # pyright: ignore[reportUnknownMemberType] - untyped
            for event in events:
                fields = {name: str(event.get(name, "")) for name in ("id", "type", "subject")}
                pipeline.xadd(
                    self._stream,
                    {**fields, "event": json.dumps(event, separators=(",", ":"))},
                    maxlen=self._kept,
                    approximate=True,
                )
            pipeline.execute()
        except ResponseError as error:
            raise SinkError(
                f"Redis does not take events into its stream {self._stream} ({error})"
            ) from None
        except (RedisError, OSError) as error:
            raise UnreachableError(
                f"Redis does not answer, the stream {self._stream} waits ({error})"
            ) from None

    def close(self) -> None:
        """Give back the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connected(self) -> Redis:
        if self._client is None:
            from redis import Redis  # noqa: PLC0415 - only who relays to Redis pays
            from redis.backoff import NoBackoff  # noqa: PLC0415 - the same
            from redis.retry import Retry  # noqa: PLC0415 - the same

            self._client = Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped kwargs
                self._url,
                socket_timeout=self._wait,
                socket_connect_timeout=self._wait,
                retry=Retry(NoBackoff(), 0),
            )
        return self._client


def sink_names(settings: Settings) -> list[str]:
    """The names of the sinks that are configured; none where that is wrong."""
    try:
        return [sink.name for sink in sinks_of(settings)]
    except ConfigurationError:
        return []


def sinks_of(settings: Settings) -> list[Sink]:
    """The sinks that are configured; none is fine. Raises ConfigurationError."""
    sinks: list[Sink] = []
    if settings.relay_jsonl is not None:
        sinks.append(JsonLines(settings.relay_jsonl))
    if settings.relay_stream is not None:
        if settings.redis_url is None:
            raise ConfigurationError(
                "DAMASCUS_RELAY_STREAM is set but DAMASCUS_REDIS_URL is not: set both or neither"
            )
        sinks.append(RedisStream(settings.redis_url.get_secret_value(), settings.relay_stream))
    return sinks
