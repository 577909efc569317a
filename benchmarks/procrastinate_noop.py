"""Procrastinate with a job that does nothing. `defer N` puts jobs; without, a worker as noop.py."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import time

from procrastinate import App, PsycopgConnector


async def main() -> None:
    """Defer, or work."""
    logging.basicConfig(level=logging.INFO, stream=open(os.devnull, "w"))  # noqa: SIM115, PTH123, ASYNC230
    app = App(connector=PsycopgConnector(conninfo=os.environ["DAMASCUS_DATABASE_URL"]))
    done = wanted = 0
    finished = asyncio.Event()

    @app.task(name="noop")
    async def noop() -> None:
        nonlocal done
        done += 1
        if done >= wanted:
            finished.set()

    async with app.open_async():
        if sys.argv[1:2] == ["defer"]:
            if not await app.check_connection_async():
                await app.schema_manager.apply_schema_async()
            await app.connector.execute_query_async("TRUNCATE procrastinate_jobs CASCADE")
            await noop.batch_defer_async(*({} for _ in range(int(sys.argv[2]))))
            return
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            done, wanted = 0, int(line)
            finished.clear()
            since = time.perf_counter()
            worker = asyncio.create_task(
                app.run_worker_async(concurrency=1, wait=False, install_signal_handlers=False)
            )
            waiting = asyncio.create_task(finished.wait())
            await asyncio.wait({worker, waiting}, return_when=asyncio.FIRST_COMPLETED)
            print(time.perf_counter() - since, flush=True)
            waiting.cancel()
            await worker


if __name__ == "__main__":
    asyncio.run(main())
