"""Procrastinate with a job that does nothing. URL defer N, or URL N: one worker, N jobs."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

import procrastinate
from procrastinate import App, PsycopgConnector


async def main() -> None:
    """Defer, or work."""
    logging.basicConfig(level=logging.INFO, stream=open(os.devnull, "w"))  # noqa: SIM115, PTH123, ASYNC230
    url = sys.argv[1]
    app = App(connector=PsycopgConnector(conninfo=url))
    done = 0
    wanted = int(sys.argv[-1])
    finished = asyncio.Event()

    @app.task(name="noop")
    async def noop() -> None:
        nonlocal done
        done += 1
        if done >= wanted:
            finished.set()

    async with app.open_async():
        if sys.argv[2] == "defer":
            if not await app.check_connection_async():
                await app.schema_manager.apply_schema_async()
            await app.connector.execute_query_async("TRUNCATE procrastinate_jobs CASCADE")
            await noop.batch_defer_async(*({} for _ in range(wanted)))
            return
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        since = time.perf_counter()
        worker = asyncio.create_task(
            app.run_worker_async(concurrency=1, wait=False, install_signal_handlers=False)
        )
        await asyncio.wait(
            {worker, asyncio.create_task(finished.wait())}, return_when="FIRST_COMPLETED"
        )
        print(time.perf_counter() - since, flush=True)
        await worker


if __name__ == "__main__":
    assert procrastinate.__version__
    asyncio.run(main())
